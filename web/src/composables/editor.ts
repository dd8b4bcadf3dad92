import { onMounted, ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Answer } from '@/api/client'
import { Problem } from '@/api/problem'
import type { Plan, Service } from '@/api/types'
import { copy, type Obj } from '@/spec/pointer'
import type { useForm } from './form'
import { useWords } from './words'

interface Stored {
  meta: Service['meta']
}

/**
 * useEditor takes a form through its life: read, review what a save will
 * change, save; and when somebody else was faster, choose between the two.
 */
export function useEditor<S extends object, T extends Stored>(
  held: ReturnType<typeof useForm>,
  calls: {
    /** What is stored now; null begins with `blank`. */
    latest: (() => Promise<Answer<T>>) | null
    blank?: () => Promise<object>
    specOf: (stored: T) => object
    plan: (spec: S, etag: string) => Promise<Plan>
    save: (spec: S, etag: string, message?: string) => Promise<Answer<T>>
    saved: (answer: Answer<T>, before: S) => unknown
  },
) {
  const { t } = useI18n()
  const words = useWords()
  const { form, draft, original, load, refuse, done, flawed } = held
  const ready = ref(false)
  const missing = shallowRef<unknown>(null)
  const etag = ref('')
  const refused = ref('')
  const theirs = shallowRef<T | null>(null)
  const plan = shallowRef<Plan | null>(null)
  const busy = ref(false)
  /** The YAML beside the form cannot be read now. */
  const broken = ref(false)
  const spec = () => copy(draft.value) as unknown as S

  async function read() {
    missing.value = null
    try {
      if (calls.latest) {
        const { data, etag: tag } = await calls.latest()
        etag.value = tag || data.meta.etag
        load(calls.specOf(data))
      } else load((await calls.blank?.()) ?? {})
      ready.value = true
    } catch (cause) {
      missing.value = cause
    }
  }
  onMounted(read)

  async function attempt(run: () => Promise<void>) {
    busy.value = true
    refused.value = ''
    try {
      await run()
    } catch (cause) {
      if (cause instanceof Problem && cause.code === 'precondition_failed' && calls.latest) {
        plan.value = null
        theirs.value = (await calls.latest()).data
      } else if (refuse(cause)) plan.value = null
      else refused.value = words.problem(cause)
    } finally {
      busy.value = false
    }
  }

  async function review() {
    refused.value = ''
    if (flawed.value || broken.value) {
      const first = form.errors.value[0]
      if (first) form.show(first.field)
      else refused.value = t('yaml.fixFirst')
      return
    }
    await attempt(async () => {
      plan.value = await calls.plan(spec(), etag.value)
    })
  }
  const save = (message: string) =>
    attempt(async () => {
      const before = copy(original.value) as unknown as S
      const answer = await calls.save(spec(), etag.value, message || undefined)
      plan.value = null
      etag.value = answer.etag || answer.data.meta.etag
      done()
      await calls.saved({ ...answer, etag: etag.value }, before)
    })

  function takeTheirs() {
    if (!theirs.value) return
    etag.value = theirs.value.meta.etag
    load(calls.specOf(theirs.value))
    theirs.value = null
  }
  async function keepMine() {
    if (!theirs.value) return
    etag.value = theirs.value.meta.etag
    theirs.value = null
    await review()
  }
  function edited(next: Obj) {
    draft.value = next
  }

  return { held, ready, missing, etag, refused, theirs, plan, busy, broken, read, review, save, takeTheirs, keepMine, edited }
}

export type Editor = ReturnType<typeof useEditor>
