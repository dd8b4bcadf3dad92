// JSON pointers into a spec object (RFC 6901).

export type Json = string | number | boolean | null | undefined | Json[] | { [key: string]: Json }
export type Obj = { [key: string]: Json }

export function split(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((s) => s.replaceAll('~1', '/').replaceAll('~0', '~'))
}

export function join(...parts: (string | number)[]): string {
  return parts.map((p) => '/' + String(p).replaceAll('~', '~0').replaceAll('/', '~1')).join('')
}

/** keyOf is the name of a field in the locales: its path without list positions and map keys. */
export function keyOf(pointer: string): string {
  const parts = split(pointer).filter((p) => !/^\d+$/.test(p))
  const map = parts.findIndex((p, i) => i > 0 && (p === 'set' || p === 'add') && parts[i - 1] === 'request')
  return (map >= 0 ? parts.slice(0, map + 1) : parts).join('_')
}

export function get(doc: Json, pointer: string): Json {
  let at: Json = doc
  for (const key of split(pointer)) {
    if (at === null || typeof at !== 'object') return undefined
    // Read first: Vue then knows what it depends on, also where it is not there yet.
    const next: Json = Array.isArray(at) ? at[Number(key)] : at[key]
    at = Object.hasOwn(at, key) ? next : undefined
  }
  return at
}

/**
 * set changes one place in doc. Undefined removes it, together with the
 * objects above that held nothing else: what is not said is absent, as in the
 * document people write.
 */
export function set(doc: Obj, pointer: string, value: Json): void {
  const keys = split(pointer)
  const trail: { holder: Obj | Json[]; key: string }[] = []
  let at: Obj | Json[] = doc
  for (const [i, key] of keys.entries()) {
    trail.push({ holder: at, key })
    if (i === keys.length - 1) break
    let next: Json = Array.isArray(at) ? at[Number(key)] : at[key]
    if (next === undefined || next === null || typeof next !== 'object') {
      if (value === undefined) return
      next = /^\d+$/.test(keys[i + 1] ?? '') ? [] : {}
      put(at, key, next)
    }
    at = next
  }
  const leaf = trail.at(-1)
  if (!leaf) return
  if (value !== undefined) {
    put(leaf.holder, leaf.key, value)
    return
  }
  for (const { holder, key } of trail.reverse()) {
    if (Array.isArray(holder)) {
      if (holder[Number(key)] !== undefined && holder !== leaf.holder) return
      holder.splice(Number(key), 1)
      return
    }
    delete holder[key]
    if (Object.keys(holder).length) return
  }
}

function put(holder: Obj | Json[], key: string, value: Json) {
  if (Array.isArray(holder)) holder[Number(key)] = value
  else holder[key] = value
}

/** equal compares meaning: the order of keys is none, an undefined key is absent. */
export function equal(a: Json, b: Json): boolean {
  if (a === b) return true
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((x, i) => equal(x, b[i]))
  }
  const keys = (o: Obj) => Object.keys(o).filter((k) => o[k] !== undefined)
  const ka = keys(a)
  return ka.length === keys(b).length && ka.every((k) => equal(a[k], b[k]))
}

export function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}
