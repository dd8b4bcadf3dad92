import { useI18n } from 'vue-i18n'
import { Problem } from '@/api/problem'
import type { Change, Fault, FieldError } from '@/api/types'
import { flatten } from '@/spec/flatten'
import { keyOf, split } from '@/spec/pointer'

/** useWords puts problems, fields and changes into the reader's language, by code. */
export function useWords() {
  const { t, te } = useI18n()

  const fieldName = (pointer: string) => {
    if (pointer === '') return t('fields.object')
    const key = `fields.${keyOf(pointer)}`
    const number = /\/(\d+)(?=\/|$)/.exec(pointer)?.[1]
    const name = te(key) ? t(key) : te(key, 'en') ? t(key) : pointer
    return number === undefined ? name : `${name} ${Number(number) + 1}`
  }
  const byCode = (code: string, params: Record<string, unknown>, otherwise: string) => {
    const key = `errors.${code}`
    return te(key) || te(key, 'en') ? t(key, params) : otherwise || code
  }
  const problem = (cause: unknown): string => {
    if (!(cause instanceof Problem)) return cause instanceof Error ? cause.message : String(cause)
    return byCode(cause.code, { ...cause.params, seconds: cause.retryAfter || cause.params.seconds }, cause.message)
  }
  const fieldError = (e: FieldError | Fault): string => {
    if (!('node' in e)) return byCode(e.code, e.params ?? {}, e.message)
    // What a node says has no parameters: its own words say the rest.
    const key = `faults.${e.code}`
    return te(key) || te(key, 'en') ? `${t(key)} (${e.message})` : e.message || e.code
  }

  /** value shows one side of a change. */
  const value = (v: unknown): string => {
    if (v === undefined || v === null) return t('change.unset')
    if (typeof v === 'boolean') return v ? t('common.yes') : t('common.no')
    if (Array.isArray(v) && v.length === 0) return t('change.emptyList')
    if (Array.isArray(v) && v.every((x) => typeof x !== 'object')) return v.join(', ')
    if (typeof v !== 'object') return String(v)
    return flatten(v, v)
      .map((row) => `${split(row.pointer).at(-1)}: ${value(row.value)}`)
      .join(', ')
  }
  const kind = (k: string) => (te(`kinds.${k}`) ? t(`kinds.${k}`) : k)
  const changeTitle = (c: Pick<Change, 'kind' | 'name' | 'action'>) =>
    t(`change.${c.action}`, { what: c.kind === 'settings' ? kind(c.kind) : `${kind(c.kind)} ${c.name}` })

  return { fieldName, problem, fieldError, value, kind, changeTitle }
}
