import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { curlOf, quote, saveCurl, tokenCurl } from '@/spec/curl'
import { get, set, type Obj } from '@/spec/pointer'
import { flawOf } from '@/spec/quantity'
import { become, protocols, specOf } from '@/spec/service'
import { fromYAML, toYAML } from '@/spec/yaml'
import type { ServiceSpec } from '@/api/types'
import { notForTCP, objectOf, read, serviceOf, type Fill } from './document'

const fills: Fill[] = ['set', 'zero', 'empty']
const every: [string, Obj][] = fills.flatMap((how) => [
  ...protocols.map((p) => [`${p}, ${how}`, serviceOf(p, how)] as [string, Obj]),
  ...(['Tenant', 'BlacklistRule', 'Settings'] as const).map((type) => [`${type}, ${how}`, objectOf(type, how)] as [string, Obj]),
])

describe('every field of the document', () => {
  it('comes back from YAML as it went', () => {
    for (const [name, spec] of every) expect(fromYAML(toYAML(spec)), name).toEqual({ spec })
  })

  it('is sent back as it came, also one that this console does not know', () => {
    for (const [name, spec] of every) {
      const known = { ...spec, mirror: { percent: 0, to: [] }, note: null }
      expect(specOf({ ...known, meta: {}, status: {}, effective: {} }), name).toEqual(known)
    }
  })
})

describe('a service that becomes another protocol', () => {
  it('loses for tcp exactly what the server refuses there', () => {
    expect(notForTCP().length).toBeGreaterThan(8)
    for (const from of ['http', 'grpc'] as const) {
      const want = serviceOf(from, 'set')
      for (const pointer of notForTCP()) set(want, pointer, undefined)
      want.protocol = 'tcp'
      set(want, '/upstream/scheme', undefined)
      expect(become(serviceOf(from, 'set'), 'tcp', 9000), from).toEqual(want)
    }
  })

  it('keeps a scheme that both have, and fields nobody knows', () => {
    const draft = { ...serviceOf('http', 'set'), mirror: 1 }
    set(draft, '/upstream/scheme', 'h2')
    expect(get(become(draft, 'grpc', 9000), '/upstream/scheme')).toBe('h2')
    expect(become(draft, 'tcp', 9000).mirror).toBe(1)
  })

  it('leaves the draft it came from alone', () => {
    const draft = serviceOf('http', 'set')
    become(draft, 'tcp', 9000)
    expect(draft).toEqual(serviceOf('http', 'set'))
  })
})

describe('a quantity', () => {
  it('is taken as the server writes and reads it, and not otherwise', () => {
    for (const yes of ['0', '0s', '2s', '500ms', '1h30m', '1.5h', '10µs', '1h0m0.5s']) expect(flawOf('duration', yes), yes).toBe('')
    for (const no of ['', '2', '-1s', '2 s', 's', '1d', '1h-5m', '١s', '2S']) expect(flawOf('duration', no), no).toBe('bad_duration')
    for (const yes of ['0', '64KiB', '1MiB', '10B', '1TiB']) expect(flawOf('size', yes), yes).toBe('')
    for (const no of ['', '64KB', '1.5MiB', '-1B', '64 KiB', '1mib']) expect(flawOf('size', no), no).toBe('bad_size')
    for (const no of ['', '1.5', '1e3', '0x10', '٣', '--1']) expect(flawOf('integer', no), no).toBe('not_integer')
    for (const no of ['', 'NaN', 'Infinity', '1,5', '1e999']) expect(flawOf('number', no), no).toBe('not_number')
  })

  it('of every default passes its own field', () => {
    const defaults = [...read('spec/document.go').matchAll(/\*(Duration|Size)\s+`[^`]*default:"([^"]*)"(?: default_grpc:"([^"]*)")?/g)]
    expect(defaults.length).toBeGreaterThan(10)
    for (const [, type, ...values] of defaults) for (const value of values) if (value) expect(flawOf(type === 'Size' ? 'size' : 'duration', value), value).toBe('')
  })
})

// What a POSIX shell makes of a command: its words.
const shell = (command: string, name: string) =>
  execFileSync('/bin/sh', ['-c', `${name}() { for word; do printf '%s\\0' "$word"; done; }\n${command}`], { encoding: 'utf8', env: { TOKEN: 'the-token', SECRET: 'the secret', COOKIES: 'jar' } })
    .split('\0')
    .slice(0, -1)
const nasty = ["it's", '$(touch /tmp/x)', '`id`', '"; exit 3; "', 'a\nb', '\\', "'\\''", '', '!!', '~', '*', '#', '${HOME}', 'é 玉门', '--', "\\'"]

describe('a command, given to a shell', () => {
  it('has every text as one word, unchanged', () => {
    expect(shell(`show ${nasty.map(quote).join(' ')}`, 'show')).toEqual(nasty)
  })

  it('that saves sends the very object of the form', () => {
    const spec = { ...serviceOf('http', 'set'), description: nasty.join(' ') }
    const words = shell(saveCurl('PUT', '/services/orders', spec, '"it\'s $1"'), 'curl')
    expect(words.slice(0, 3)).toEqual(['-X', 'PUT', `${location.origin}/api/v1/services/orders`])
    expect(JSON.parse(words.at(-1) ?? '')).toEqual(spec)
    expect(words).toContain('If-Match: "it\'s $1"')
    expect(words).toContain('jar')
  })

  it('that asks a service runs nothing that its fields say', () => {
    const gateway = { http: '0.0.0.0:8080', https: '' }
    for (const text of nasty) {
      const service = { name: 'a', protocol: 'http', access: { auth: 'jwt' }, routes: [{ hosts: [`h${text}`], path: { exact: `/${text}` } }] } as ServiceSpec
      expect(shell(curlOf(service, gateway, 'gw'), 'curl')).toEqual(['-i', '-H', `Host: h${text}`, '-H', 'Authorization: Bearer the-token', `http://gw:8080/${text}`])
      const grpc = { ...service, protocol: 'grpc' } as ServiceSpec
      expect(shell(curlOf(grpc, gateway, 'gw'), 'grpcurl')).toEqual(['-plaintext', '-H', 'Authorization: Bearer the-token', '-authority', `h${text}`, 'gw:8080', 'list'])
    }
    expect(shell(tokenCurl(gateway, "/it's", 'app', undefined, 'gw'), 'curl')).toEqual(['-s', '-u', 'app:the secret', '-d', 'grant_type=client_credentials', "http://gw:8080/it's"])
  })
})
