// Objects with every field of spec/document.go, read from that file, so that a
// field that is added there is tested here without a further word.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Json, Obj } from '@/spec/pointer'

export const read = (path: string) => readFileSync(join(__dirname, '..', '..', '..', path), 'utf8')

interface Field {
  name: string
  type: string
}

const types = new Map<string, Field[]>()
for (const [, type = '', body = ''] of read('spec/document.go').matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
  types.set(type, [...body.matchAll(/^\t\w+\s+(\S+)\s+`json:"(\w+)/gm)].map((m) => ({ type: m[1] ?? '', name: m[2] ?? '' })))
}

/** set says every field, zero every field with its zero value, empty every object and list without content. */
export type Fill = 'set' | 'zero' | 'empty'

const words: Record<string, string> = {
  policy: 'weighted_round_robin', kind: 'tcp', auth: 'jwt', state: 'draining', algorithm: 'ES256', time_zone: 'Asia/Shanghai',
  // What YAML could take for something else.
  title: 'on: off, "yes" #1', description: 'two\nlines\n', name: '1.0', reason: '~',
}
const lists: Record<string, string[]> = { tags: ['1.0', 'no', '0x1f'], targets: ['10.0.0.1:80', '[::1]:81'] }

function fill(type: string, name: string, how: Fill): Json {
  if (type.startsWith('*')) return fill(type.slice(1), name, how)
  if (type.startsWith('[]')) {
    if (how === 'empty') return []
    const item = type.slice(2)
    if (types.has(item)) return [fill(item, name, how)]
    return how === 'zero' ? [] : (lists[name] ?? ['192.0.2.1', '2001:db8::/32'])
  }
  switch (type) {
    case 'string':
    case 'Secret':
      return how === 'set' ? (words[name] ?? 'some-' + name.replaceAll('_', '-')) : ''
    case 'bool':
      return how === 'set'
    case 'int':
    case 'int64':
      return how === 'set' ? 8007 : 0
    case 'float64':
      return how === 'set' ? 0.5 : 0
    case 'Duration':
      return how === 'set' ? '1h30m' : '0s'
    case 'Size':
      return how === 'set' ? '3KiB' : '0B'
    case 'time.Time':
      return '2026-01-31T12:00:00.123456789Z'
    case 'map[string]string':
      return how === 'set' ? { 'X-A': '${client_ip}', 'x-b': 'off' } : {}
  }
  const fields = types.get(type)
  if (!fields) throw new Error(`spec/document.go has a type that the tests do not know: ${type}`)
  return Object.fromEntries(fields.map((f) => [f.name, fill(f.type, f.name, how)]))
}

/** objectOf is an object of a Go type of the document. */
export function objectOf(type: 'Service' | 'Tenant' | 'BlacklistRule' | 'Settings', how: Fill): Obj {
  const made = fill(type, '', how) as Obj
  if (type === 'Tenant') delete made.credentials // Not of the form: they have calls of their own.
  return made
}

/** notForTCP are the fields that spec/validate.go refuses for a stream of bytes. */
export function notForTCP(): string[] {
  const place: Record<string, string> = { service: '', upstream: '/upstream', timeouts: '/upstream/timeouts', access: '/access' }
  return [...read('spec/validate.go').matchAll(/^func \(c \*checker\) (\w+)\([\s\S]*?^\}/gm)].flatMap(([body, name = '']) =>
    [...body.matchAll(/c\.useless\("(\w+)"/g)].map((m) => {
      const at = place[name]
      if (at === undefined) throw new Error(`spec/validate.go refuses ${m[1]} in ${name}: where is that?`)
      return `${at}/${m[1]}`
    }),
  )
}

/** serviceOf is a service with every field that its protocol can have. */
export function serviceOf(protocol: 'http' | 'tcp' | 'grpc', how: Fill): Obj {
  const service = objectOf('Service', how)
  service.protocol = protocol
  service.name = 'orders'
  if (how === 'set') {
    service.routes = [{ hosts: ['a.example.com', '*.example.com'], path: { prefix: '/a' } }, { path: { exact: '/e' } }, {}]
    ;(service.upstream as Obj).scheme = { http: 'https', tcp: 'tls', grpc: 'h2' }[protocol]
  }
  if (protocol === 'tcp') {
    for (const pointer of notForTCP()) {
      const keys = pointer.split('/').slice(1)
      const last = keys.pop() ?? ''
      const holder = keys.reduce<Json>((at, k) => (at as Obj)[k], service) as Obj | undefined
      if (holder) delete holder[last]
    }
  }
  return service
}
