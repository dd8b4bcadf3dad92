import { useI18n } from 'vue-i18n'
import { Problem } from '@/api/problem'
import type { Change, Fault, FieldError, Revision } from '@/api/types'
import { flatten } from '@/spec/flatten'
import { keyOf, split } from '@/spec/pointer'

// Their fields have names that say little alone.
const owners = ['limits_service', 'limits_client_ip', 'upstream_timeouts', 'upstream_pool', 'token', 'client']

// What the server says of a change where nobody gave a reason (dashboard/resource.go, bulk.go).
const made = /^(create|change|delete|enable|disable) (\d+ of kind )?(service|tenant|credential|blacklist|settings|key)\b/

/** useWords puts problems, fields and changes into the reader's language, by code. */
export function useWords() {
  const { t, te } = useI18n()

  const fieldName = (pointer: string) => {
    if (pointer === '') return t('fields.object')
    const named = (key: string, otherwise: string) => (te(`fields.${key}`) || te(`fields.${key}`, 'en') ? t(`fields.${key}`) : otherwise)
    const key = keyOf(pointer)
    const name = named(key, pointer)
    // An entry of a list is told by its number, a common word by what it belongs to.
    const entry = /^(.*?)\/(\d+)(\/.*)?$/.exec(pointer)
    if (entry) {
      const [, list = '', number = '', rest] = entry
      const one = `${named(`${keyOf(list)}_one`, named(keyOf(list), list))} ${Number(number) + 1}`
      return rest ? `${one} · ${name}` : one
    }
    const owner = owners.find((o) => key.startsWith(o + '_'))
    return owner ? `${named(owner, '')} · ${name}` : name
  }
  const byCode = (code: string, params: Record<string, unknown>, otherwise: string) => {
    const key = `errors.${code}`
    // A list among the values is said with commas, not as JSON.
    const said = Object.fromEntries(Object.entries(params).map(([name, v]) => [name, Array.isArray(v) ? v.join(', ') : v]))
    return te(key) || te(key, 'en') ? t(key, said) : otherwise || code
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

  /** health says why a target is down (upstream/check.go), what is not known as it came. */
  const health = (why: string) => {
    const key = `health.${why.replaceAll(' ', '_')}`
    return te(key) || te(key, 'en') ? t(key) : why
  }
  /** reason is why somebody released; '' where nobody said. */
  const reason = (r: Revision) => (made.test(r.message) ? '' : r.message)
  /** gist is the reason of a release, or what it did. */
  const gist = (r: Revision) => {
    const more = r.added + r.changed + r.removed - 2
    const done = r.changes.slice(0, 2).map(changeTitle).join(t('change.and'))
    return reason(r) || (more > 0 ? `${done} ${t('releases.more', { n: more })}` : done)
  }

  return { fieldName, problem, health, reason, gist, fieldError, value, kind, changeTitle }
}
