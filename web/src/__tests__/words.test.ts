import { mount } from '@vue/test-utils'
import { createI18n } from 'vue-i18n'
import { describe, expect, it } from 'vitest'
import { defineComponent } from 'vue'
import type { Revision } from '@/api/types'
import { Problem } from '@/api/problem'
import { useWords } from '@/composables/words'
import en from '@/locales/en.json'
import zh from '@/locales/zh.json'

function words(locale: 'en' | 'zh') {
  let held!: ReturnType<typeof useWords>
  mount(defineComponent({ setup: () => ((held = useWords()), () => null) }), { global: { plugins: [createI18n({ legacy: false, locale, fallbackLocale: 'en', messages: { en, zh } })] } })
  return held
}
const { fieldName, value, problem, fieldError, gist, changeTitle } = words('en')
const release = (message: string, changes: Revision['changes']): Revision => ({
  number: 4, parent: 3, digest: '', at: '', account: 'a', message, changes, added: changes.length, changed: 0, removed: 0,
})
const added = (name: string) => ({ kind: 'service' as const, name, action: 'added' as const })

describe('a field', () => {
  it('is named by what it belongs to where its own word says little', () => {
    expect(fieldName('/upstream/targets/1/weight')).toBe('Target 2 · Weight')
    expect(fieldName('/routes/0/path/prefix')).toBe('Route 1 · Path prefix')
    expect(fieldName('/limits/client_ip/rate')).toBe('Limit of a client · Requests')
    expect(fieldName('/access/deny/0')).toBe('Denied addresses 1')
    expect(fieldName('/title')).toBe('Title')
    expect(fieldName('')).toBe('The whole')
  })
  it('that nobody knows keeps its path', () => {
    expect(fieldName('/mirror/percent')).toBe('/mirror/percent')
  })
})

describe('a value', () => {
  it('is said, not printed', () => {
    expect([undefined, null, true, false, [], ['a', 'b'], 0, ''].map(value)).toEqual(['not set', 'not set', 'yes', 'no', 'empty list', 'a, b', '0', ''])
    expect(value({ address: 'a:1', state: 'draining' })).toBe('address: a:1, state: draining')
    expect(value({ hosts: ['a', 'b'], path: { prefix: '/x' } })).toBe('hosts: a, b, prefix: /x')
  })
})

describe('an error', () => {
  it('is said by its code with its numbers', () => {
    expect(problem(new Problem({ status: 429, code: 'too_many_attempts', params: { seconds: 8 } }))).toContain('8 s')
    expect(fieldError({ field: '/listen/port', code: 'port_taken', params: { port: 8001, other: 'db' }, message: '' })).toBe('Port 8001 is taken: db.')
  })
  it('names the values that are allowed as people list them', () => {
    expect(fieldError({ field: '/upstream/scheme', code: 'unknown_value', params: { value: 'x', allowed: ['http', 'https'] }, message: '' })).toBe('Not one of the values it may have: http, https.')
    expect(words('zh').fieldError({ field: '/routes/0/path', code: 'one_of', params: { fields: ['prefix', 'exact'] }, message: '' })).toContain('prefix, exact')
  })
  it('with a code nobody knows says what the server said', () => {
    expect(problem(new Problem({ status: 418, code: 'teapot', title: 'I am a teapot.' }))).toBe('I am a teapot.')
  })
  it('of a node adds its own words', () => {
    expect(fieldError({ node: 'a', kind: 'service', name: 's', field: '', code: 'cannot_bind', message: 'port 80 cannot be opened' })).toBe('The port cannot be opened (port 80 cannot be opened)')
  })
})

describe('a release', () => {
  it('is told by the reason somebody gave, else by what it did, in the language of the reader', () => {
    expect(gist(release('new host', [added('a')]))).toBe('new host')
    expect(gist(release('create service a', [added('a')]))).toBe('Adds service a')
    expect(words('zh').gist(release('create service a', [added('a')]))).toBe('添加服务 a')
    expect(gist(release('', [added('a'), added('b'), added('c'), added('d')]))).toBe('Adds service a, Adds service b and 2 more')
  })
  it('names the settings without a name', () => {
    expect(changeTitle({ kind: 'settings', name: 'settings', action: 'changed' })).toBe('Changes settings')
  })
})
