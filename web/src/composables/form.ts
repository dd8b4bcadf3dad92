import { computed, inject, nextTick, onBeforeUnmount, provide, reactive, ref, shallowRef, type InjectionKey, type Ref } from 'vue'
import { onBeforeRouteLeave } from 'vue-router'
import { useI18n } from 'vue-i18n'
import { Problem } from '@/api/problem'
import type { FieldError } from '@/api/types'
import { copy, equal, get, set, type Json, type Obj } from '@/spec/pointer'
import { ask } from './confirm'
import { useWords } from './words'

/**
 * Form edits a spec object itself, in place and sparse: there is no second
 * model to convert to and from, so what nobody touched is saved as it came.
 */
export interface Form {
  draft: Ref<Obj>
  readonly: Ref<boolean>
  dirty: Readonly<Ref<boolean>>
  errors: Readonly<Ref<FieldError[]>>
  /** The field that should be shown now; sections that hold it open. */
  shown: Ref<string>
  get(pointer: string): Json
  set(pointer: string, value: Json): void
  /** The value in force when nothing is said. */
  fallback(pointer: string): Json
  errorAt(pointer: string): string
  /** Marks what was typed as no value at all, until it is one; '' clears. */
  flaw(pointer: string, code: string): void
  show(pointer: string): void
}

const key: InjectionKey<Form> = Symbol('form')

export function useForm(options: { fallback: (pointer: string, draft: Obj) => Json; title: () => string }) {
  const { t } = useI18n()
  const words = useWords()
  const draft = ref<Obj>({})
  const original = shallowRef<Obj>({})
  const refused = ref<FieldError[]>([])
  const flaws = reactive(new Map<string, string>())
  const shown = ref('')
  const readonly = ref(false)
  const saved = ref(false)
  const dirty = computed(() => !saved.value && (flaws.size > 0 || !equal(draft.value, original.value)))

  const errors = computed<FieldError[]>(() => [
    ...[...flaws].map(([field, code]) => ({ field, code, message: code })),
    ...refused.value,
  ])

  const form: Form = {
    draft,
    readonly,
    dirty,
    errors,
    shown,
    get: (pointer) => get(draft.value, pointer),
    set: (pointer, value) => {
      const under = (field: string) => field === pointer || field.startsWith(pointer + '/')
      for (const field of flaws.keys()) if (under(field)) flaws.delete(field)
      refused.value = refused.value.filter((e) => !under(e.field))
      set(draft.value, pointer, value)
    },
    fallback: (pointer) => options.fallback(pointer, draft.value),
    errorAt: (pointer) => {
      const e = errors.value.find((x) => x.field === pointer)
      return e ? words.fieldError(e) : ''
    },
    flaw: (pointer, code) => {
      if (code) flaws.set(pointer, code)
      else flaws.delete(pointer)
    },
    show: (pointer) => {
      shown.value = ''
      void nextTick(async () => {
        shown.value = pointer
        await nextTick()
        let at = pointer
        while (at && !document.getElementById(fieldId(at))) at = at.slice(0, at.lastIndexOf('/'))
        const element = document.getElementById(fieldId(at))
        element?.scrollIntoView({ block: 'center' })
        element?.focus({ preventScroll: true })
      })
    },
  }
  provide(key, form)

  /** load starts over from what is stored. */
  function load(spec: object) {
    original.value = copy(spec) as Obj
    draft.value = copy(spec) as Obj
    refused.value = []
    flaws.clear()
    saved.value = false
  }

  /** refuse shows what the server said about the fields, and tells whether it said any. */
  function refuse(cause: unknown): boolean {
    if (!(cause instanceof Problem)) return false
    refused.value = cause.errors.length ? cause.errors : conflicts(cause, 'app_id' in draft.value)
    const first = refused.value[0]
    if (first) form.show(first.field)
    return refused.value.length > 0
  }

  /** done lets the page go without asking. */
  const done = () => {
    saved.value = true
  }

  const unload = (event: BeforeUnloadEvent) => {
    if (dirty.value) event.preventDefault()
  }
  window.addEventListener('beforeunload', unload)
  onBeforeUnmount(() => window.removeEventListener('beforeunload', unload))
  onBeforeRouteLeave(() => {
    if (!dirty.value) return true
    return ask({ title: t('form.leaveTitle'), body: t('form.leaveBody', { what: options.title() }), confirm: t('form.leave'), danger: true })
  })

  return { form, draft, original, dirty, load, refuse, done, flawed: computed(() => flaws.size > 0) }
}

export function useFormField(): Form {
  const form = inject(key)
  if (!form) throw new Error('a form field outside a form')
  return form
}

/** fieldId is the id of the control that edits a place in the document. */
export function fieldId(pointer: string): string {
  return 'f' + pointer.replace(/[^A-Za-z0-9_]/g, '-')
}

// A name, port or route that is taken is said beside the field that holds it.
function conflicts(problem: Problem, tenant: boolean): FieldError[] {
  const fields: Record<string, string> = { name_taken: tenant ? '/app_id' : '/name', port_taken: '/listen/port', route_taken: '/routes' }
  const field = fields[problem.code]
  return field ? [{ field, code: problem.code, params: problem.params, message: problem.message }] : []
}
