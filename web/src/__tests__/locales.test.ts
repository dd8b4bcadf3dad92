// @vitest-environment node
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createI18n } from 'vue-i18n'
import { describe, expect, it } from 'vitest'
import en from '@/locales/en.json'
import zh from '@/locales/zh.json'

type Words = { [key: string]: string | Words }
const leaves = (words: Words, path = ''): [string, string][] =>
  Object.entries(words).flatMap(([k, v]) => (typeof v === 'string' ? [[path + k, v] as [string, string]] : leaves(v, `${path}${k}.`)))
const english = new Map(leaves(en))
const chinese = new Map(leaves(zh))
const has = (key: string) => english.has(key)

const root = join(__dirname, '..')
const read = (path: string) => readFileSync(join(root, '..', '..', path), 'utf8')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((f) => /\.(vue|ts)$/.test(f) && !f.includes('__tests__') && !f.endsWith('.d.ts'))
  .map((f) => [f, readFileSync(join(root, f), 'utf8')] as const)

describe('the two languages', () => {
  it('say the same things', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort())
  })

  it('leave nothing empty, and take the same values', () => {
    const names = (text: string) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]))].sort()
    for (const [key, text] of english) {
      const other = chinese.get(key) ?? ''
      expect(text.trim(), key).not.toBe('')
      expect(other.trim(), key).not.toBe('')
      expect(names(other), key).toEqual(names(text))
      expect(other.split(' | ').length, key).toBe(text.split(' | ').length)
    }
  })

  it('are read by vue-i18n without a complaint', () => {
    const i18n = createI18n({ legacy: false, locale: 'en', messages: { en: {}, zh: {} } })
    i18n.global.setLocaleMessage('en', en)
    i18n.global.setLocaleMessage('zh', zh)
    for (const locale of ['en', 'zh'] as const) {
      i18n.global.locale.value = locale
      const t = i18n.global.t as (key: string, values: object) => string
      for (const key of english.keys()) expect(t(key, { n: 2 }), key).not.toBe(key)
    }
  })
})

describe('every text that the code asks for', () => {
  it('is there', () => {
    const missing: string[] = []
    let count = 0
    for (const [file, text] of sources) {
      // t('a.b'), te('a.b'), title: 'a.b' of routes, and both sides of t(x ? 'a.b' : 'c.d').
      const asked = [...text.matchAll(/\bte?\(([^()]*?)[,)]/g)].flatMap((m) => [...(m[1] ?? '').matchAll(/'([a-zA-Z]\w*(?:\.\w+)*)'/g)].map((x) => x[1] ?? ''))
      const titles = file === 'router.ts' ? [...text.matchAll(/title: '([\w.]+)'/g)].map((m) => m[1] ?? '') : []
      count += asked.length
      for (const key of [...asked, ...titles]) if (key.includes('.') && !has(key)) missing.push(`${file}: ${key}`)
    }
    expect(missing).toEqual([])
    expect(count).toBeGreaterThan(300)
  })

  it('is there where the last part of the key is made up', () => {
    const groups = {
      protocols: ['http', 'tcp', 'grpc', 'websocket'],
      policies: ['random', 'round_robin', 'weighted_round_robin', 'ip_hash'],
      states: ['healthy', 'some_down', 'down', 'disabled', 'not_applied', 'unknown', 'up', 'draining', 'live', 'lost', 'waiting', 'stopped', 'spreading', 'refused', 'no_nodes', 'active', 'enabled'],
      kinds: ['service', 'tenant', 'credential', 'blacklist', 'settings', 'key'],
      change: ['added', 'removed', 'changed'],
      roles: ['admin', 'operator', 'viewer'],
      status: ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'],
      themes: ['light', 'dark', 'system'],
      ranges: ['15m', '1h', '6h', '24h', '7d', '30d'],
      bulk: ['enable', 'disable', 'delete'],
      nav: ['overview', 'services', 'tenants', 'blacklist', 'releases', 'nodes', 'audit', 'settings'],
    }
    for (const [group, keys] of Object.entries(groups)) for (const key of keys) expect(has(`${group}.${key}`), `${group}.${key}`).toBe(true)
  })
})

describe('what the server can say', () => {
  const quoted = (text: string) => [...text.matchAll(/"([a-z][a-z_]+)"/g)].map((m) => m[1] ?? '')

  it('has words for every code of dashboard/error.go and of spec', () => {
    const errors = read('dashboard/error.go')
    const codes = [...errors.matchAll(/^\t"([a-z_]+)":\s+\{/gm)].map((m) => m[1] ?? '')
    const notices = quoted(/var notices = .*/.exec(errors)?.[0] ?? '')
    const fields = [...read('spec/invalid.go').matchAll(/^\tCode\w+\s*=\s*"([a-z_]+)"/gm)].map((m) => m[1] ?? '')
    expect(codes.length).toBeGreaterThan(20)
    expect(notices.length).toBeGreaterThan(0)
    expect(fields.length).toBeGreaterThan(30)
    expect([...codes, ...notices, ...fields].filter((c) => !has(`errors.${c}`))).toEqual([])
  })

  it('has words for every reason of a refusal', () => {
    const reasons = quoted(/var Reasons = [\s\S]*?\n\}/.exec(read('flow/reasons.go'))?.[0] ?? '')
    expect(reasons.length).toBeGreaterThan(20)
    expect(reasons.filter((r) => !has(`reasons.${r}`))).toEqual([])
  })

  it('has words for every reason why a target is down', () => {
    const check = [...read('upstream/check.go').matchAll(/(?:return|reason =) "([a-z][a-z ]+)"/g), ...read('upstream/registry.go').matchAll(/reason = "([a-z][a-z ]+)"/g)].map((m) => (m[1] ?? '').replaceAll(' ', '_'))
    expect(check.length).toBeGreaterThan(5)
    expect(check.filter((r) => !has(`health.${r}`))).toEqual([])
  })

  it('has words for every fault a node reports', () => {
    const faults = [...read('generation/generation.go').matchAll(/^\tCode\w+\s*=\s*"([a-z_]+)"/gm)].map((m) => m[1] ?? '')
    expect(faults.length).toBeGreaterThan(3)
    expect(faults.filter((f) => !has(`faults.${f}`))).toEqual([])
  })

  it('has a word for every value that the console shows as one', () => {
    type Schema = { properties?: Record<string, { enum?: string[] }> }
    const schemas = (JSON.parse(read('dashboard/openapi.json')) as { components: { schemas: Record<string, Schema> } }).components.schemas
    const groups: Record<string, string> = { state: 'states', protocol: 'protocols', policy: 'policies', role: 'roles', auth: 'auths', 'Change.kind': 'kinds', 'Change.action': 'change', 'ActiveHealth.kind': 'healthKinds', 'BulkRequest.action': 'bulk' }
    const keys = Object.entries(schemas).flatMap(([schema, { properties = {} }]) =>
      Object.entries(properties).flatMap(([name, p]) => {
        const group = groups[`${schema}.${name}`] ?? groups[name]
        return group ? (p.enum ?? []).map((word) => `${group}.${word}`) : []
      }),
    )
    expect(new Set(keys).size).toBeGreaterThan(30)
    expect(keys.filter((k) => !has(k))).toEqual([])
  })

  it('has a name for every field that people write', () => {
    interface Schema {
      $ref?: string
      properties?: Record<string, Schema>
      items?: Schema
      additionalProperties?: unknown
    }
    const schemas = (JSON.parse(read('dashboard/openapi.json')) as { components: { schemas: Record<string, Schema> } }).components.schemas
    const missing: string[] = []
    const walk = (schema: Schema | undefined, path: string[]) => {
      const at = schema?.$ref ? schemas[schema.$ref.split('/').at(-1) ?? ''] : schema
      if (at?.items) return walk(at.items, path)
      for (const [name, child] of Object.entries(at?.properties ?? {})) {
        const key = [...path, name].join('_')
        if (!has(`fields.${key}`)) missing.push(key)
        walk(child, [...path, name])
      }
    }
    for (const name of ['ServiceSpec', 'TenantSettings', 'BlacklistRuleSpec', 'SettingsSpec']) {
      expect(schemas[name], name).toBeDefined()
      walk(schemas[name], [])
    }
    expect(missing).toEqual([])
  })
})
