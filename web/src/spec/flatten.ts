import { get, join, type Json } from './pointer'

export interface Row {
  pointer: string
  value: Json
  /** Nobody wrote it; it is in force all the same. */
  byDefault: boolean
}

/** flatten lists the leaves of what is in force, in its order, and says which were written. */
export function flatten(written: object, effective: object): Row[] {
  const rows: Row[] = []
  const walk = (value: Json, pointer: string) => {
    const plain = Array.isArray(value) && value.every((v) => typeof v !== 'object' || v === null)
    if (value === null || typeof value !== 'object' || plain) {
      rows.push({ pointer, value, byDefault: get(written as Json, pointer) === undefined })
      return
    }
    for (const [key, child] of Array.isArray(value) ? value.map((v, i) => [i, v] as const) : Object.entries(value)) walk(child, pointer + join(key))
  }
  walk(effective as Json, '')
  return rows
}
