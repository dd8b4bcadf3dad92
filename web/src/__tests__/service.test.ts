// @vitest-environment node
import { describe, expect, it } from 'vitest'
import type { Service } from '@/api/types'
import { equal, set, type Obj } from '@/spec/pointer'
import { become, blank, protocols, specOf } from '@/spec/service'
import { fromYAML, toYAML } from '@/spec/yaml'

const meta = { revision: 4, etag: '"x"', created_at: '', created_by: '', updated_at: '', updated_by: '' }
const status = { state: 'healthy', targets_up: 1, targets_total: 1, live_on: 1, nodes: 1, faults: [], rps: 0, error_percent: 0, p95_ms: 0, today: 0 } as const

// One service a protocol with every field it can have, written in an order of its own.
const full: Record<string, Obj> = {
  http: {
    upstream: {
      targets: [{ address: '10.0.0.1:80', weight: 0, state: 'draining' }, { address: '[::1]:81' }],
      scheme: 'https',
      balance: { policy: 'ip_hash' },
      health: { active: { kind: 'none' } },
      timeouts: { connect: '2s', tls_handshake: '0s', response_header: '30s', body_idle: '1m', stream_idle: '1h30m', request: '0s' },
      pool: { max_idle_per_target: 0, max_per_target: 10, idle: '60s' },
    },
    name: 'orders',
    protocol: 'http',
    title: 'on: off, "yes" #1',
    description: 'two\nlines',
    enabled: true,
    tags: ['1.0', 'no', 'shop'],
    routes: [{}, { hosts: ['*.example.com'], path: { exact: '/x' } }],
    rewrite: {},
    headers: { request: { set: { 'X-A': '1', 'x-b': '${client_ip}' }, add: {}, remove: ['Cookie'] } },
    access: { allow: [], deny: ['192.0.2.1'], auth: 'jwt', tenants: [] },
    limits: { service: { rate: 0.5, per: '1m' }, client_ip: { rate: 10, burst: 20 } },
  },
  tcp: { name: 'db', protocol: 'tcp', enabled: false, listen: { port: 8001 }, upstream: { targets: [{ address: 'db:5432' }], health: { active: { interval: '5s', rise: 2 } } } },
  grpc: { name: 'calls', protocol: 'grpc', listen: { port: 8002 }, routes: [{ path: { prefix: '/pkg.Service' } }], upstream: { targets: [{ address: 'g:1' }], scheme: 'h2c' } },
}

describe('a service that is loaded and not touched', () => {
  it.each(protocols)('is saved as an equal object (%s)', (protocol) => {
    const item = { ...full[protocol], meta, status, effective: { name: 'x', protocol } } as unknown as Service
    expect(specOf(item)).toEqual(full[protocol])
    expect(equal(specOf(item), full[protocol])).toBe(true)
  })

  it.each(protocols)('survives the way through YAML and back (%s)', (protocol) => {
    const text = toYAML(full[protocol] ?? {})
    const back = fromYAML(text)
    expect('spec' in back && back.spec).toEqual(full[protocol])
    expect(text.startsWith('name:')).toBe(true)
  })

  it('is equal again after a change and its undoing', () => {
    for (const [pointer, value] of [['/upstream/timeouts/connect', '9s'], ['/title', 'other'], ['/access/deny', ['10.0.0.1']]] as const) {
      const draft = specOf(full.http ?? {})
      const before = structuredClone(draft)
      const old = pointer.split('/').slice(1).reduce<unknown>((at, k) => (at as Obj)[k], draft)
      set(draft, pointer, value as never)
      expect(equal(draft, before)).toBe(false)
      set(draft, pointer, old as never)
      expect(equal(draft, before)).toBe(true)
    }
  })
})

describe('a draft that changes its protocol', () => {
  it('keeps what both have and drops what the other cannot have', () => {
    const tcp = become(full.http ?? {}, 'tcp', 8005)
    expect(tcp).toMatchObject({ name: 'orders', protocol: 'tcp', listen: { port: 8005 }, access: { allow: [], deny: ['192.0.2.1'] } })
    for (const gone of ['routes', 'rewrite', 'headers']) expect(tcp).not.toHaveProperty(gone)
    expect(tcp).not.toHaveProperty('access.auth')
    expect(tcp).not.toHaveProperty('upstream.pool')
    expect(tcp).not.toHaveProperty('upstream.scheme')
    expect(tcp).toHaveProperty('upstream.timeouts', { connect: '2s', tls_handshake: '0s', stream_idle: '1h30m' })
  })

  it('going there and back from a blank one gives the blank one', () => {
    const start = blank('http', 8001) as unknown as Obj
    expect(become(become(start, 'grpc', 8001), 'http', 8001)).toEqual(start)
    expect(become(become(start, 'tcp', 8001), 'http', 8001)).toEqual(start)
  })
})

describe('YAML that cannot be read', () => {
  it('says the line', () => {
    const result = fromYAML('name: a\nroutes: [\n')
    expect('problem' in result && result.problem.line).toBeGreaterThanOrEqual(2)
  })
  it.each(['- a\n', 'text', '', 'a: 1\na: 2\n', 'a: &x [1]\nb: *x\n'])('refuses %j', (text) => {
    expect('problem' in fromYAML(text)).toBe(true)
  })
  it('takes words as words: YAML 1.2', () => {
    expect(fromYAML('a: off\nb: 010\nc: none\nd: yes\n')).toEqual({ spec: { a: 'off', b: 10, c: 'none', d: 'yes' } })
  })
})
