import { parseDocument, stringify } from 'yaml'
import type { Obj } from './pointer'

// The order of the Go types, which is the order the server writes.
const order = ['name', 'protocol', 'app_id', 'title', 'description', 'enabled', 'tags', 'routes', 'listen', 'rewrite', 'headers', 'upstream', 'access', 'allow_ips', 'services', 'limits']

const place = (key: string) => {
  const at = order.indexOf(key)
  return at < 0 ? order.length : at
}

/** toYAML writes a spec object as people would write it. */
export function toYAML(spec: Obj): string {
  const sorted = Object.fromEntries(
    Object.entries(spec)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => place(a) - place(b)),
  )
  return stringify(sorted, { lineWidth: 0 })
}

export type Parsed = { spec: Obj } | { problem: { message: string; line: number; from: number; to: number } }

/** fromYAML reads it back; what is no map of fields is a problem with its line. */
export function fromYAML(text: string): Parsed {
  const doc = parseDocument(text, { version: '1.2', uniqueKeys: true })
  const first = doc.errors[0]
  if (first) {
    const [from, to] = first.pos
    return { problem: { message: first.message.split('\n')[0] ?? '', line: first.linePos?.[0].line ?? 1, from, to } }
  }
  let value: unknown
  try {
    value = doc.toJS({ maxAliasCount: 0 })
  } catch (cause) {
    return { problem: { message: String(cause), line: 1, from: 0, to: 0 } }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: { message: '', line: 1, from: 0, to: text.length } }
  }
  return { spec: value as Obj }
}
