import { QueryClient } from '@tanstack/vue-query'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { services } from '@/api/services'
import { expired, loadSession, login, logout, me } from '@/composables/session'
import { problemOf } from '@/api/problem'
import { makeRouter } from '@/router'
import { json, loggedIn, refusal, serve, settle } from './page'

let here: boolean
let calls: ReturnType<typeof serve>
const admin = { account: 'admin', role: 'admin', must_change_password: false, permissions: [] }

beforeEach(() => {
  here = false
  me.value = undefined
  expired.value = false
  calls = serve((call) => {
    if (call.path === '/login') {
      here = (call.body as { password: string }).password === 'right'
      return here ? json(admin) : refusal(401, 'bad_credentials')
    }
    return here ? undefined : refusal(401, 'unauthenticated')
  })
})
afterEach(() => vi.unstubAllGlobals())

describe('a session that ends', () => {
  it('is asked for once, however many calls found it gone, and all of them go on', async () => {
    loggedIn()
    const waiting = Promise.all([services.list({ page: 1 }), services.list({ page: 2 }), services.targets('a')])
    await settle()
    expect(expired.value).toBe(true)
    await expect(login('admin', 'wrong')).rejects.toMatchObject({ code: 'bad_credentials' })
    expect(expired.value).toBe(true)
    await login('admin', 'right')
    expect(await waiting).toHaveLength(3)
    expect(expired.value).toBe(false)
    expect(calls.filter((c) => c.path === '/login').map((c) => c.body)).toEqual([{ account: 'admin', password: 'wrong' }, { account: 'admin', password: 'right' }])
  })

  it('is asked for again when it ends again', async () => {
    loggedIn()
    for (let i = 0; i < 2; i++) {
      here = false
      const call = services.list({})
      await settle()
      expect(expired.value).toBe(true)
      await login('admin', 'right')
      await call
    }
  })

  it('that is gone already is left without an error; a server that does not answer is one', async () => {
    loggedIn()
    await logout()
    expect(me.value).toBeNull()
    expect(expired.value).toBe(false)
    me.value = undefined
    vi.stubGlobal('fetch', async () => refusal(503, 'unavailable'))
    await expect(loadSession()).rejects.toMatchObject({ code: 'unavailable' })
    expect(me.value).toBeUndefined()
  })
})

describe('a page', () => {
  // Only where one is led; the pages themselves are not loaded.
  const go = async (path: string) => {
    const router = makeRouter(new QueryClient())
    let led = ''
    router.beforeEach((to) => {
      led = to.fullPath
      return false
    })
    await router.push(path)
    return led
  }

  it('nobody may see without a session leads to the login, and from there back to itself', async () => {
    expect(await go('/services?q=a&page=2')).toBe('/login?back=/services?q=a%26page=2')
    expect(await go('/')).toBe('/login')
    expect(await go('/login')).toBe('/login')
  })

  it('waits for the first password to be changed', async () => {
    me.value = { ...admin, must_change_password: true } as never
    expect(await go('/nodes')).toBe('/password?back=/nodes')
    expect(await go('/password')).toBe('/password')
  })

  it('that the server cannot vouch for is opened, and says so itself', async () => {
    vi.stubGlobal('fetch', async () => refusal(503, 'unavailable'))
    expect(await go('/nodes')).toBe('/nodes')
  })

  it('whose object has an odd name is found by it', async () => {
    loggedIn()
    const router = makeRouter(new QueryClient())
    const { href } = router.resolve({ name: 'service', params: { name: 'a.b_c-1' } })
    expect(href).toBe('/services/a.b_c-1')
    expect(router.resolve('/services/new').name).toBe('service-new')
    expect(router.resolve('/releases/x').name).toBe('lost')
  })
})

describe('an answer that is no problem of ours', () => {
  it('has a code all the same', async () => {
    for (const [text, status, code] of [
      ['<h1>502</h1>', 502, 'unavailable'],
      ['', 500, 'internal'],
      ['{}', 504, 'unavailable'],
      ['[]', 400, 'internal'],
      ['null', 500, 'internal'],
      ['"text"', 503, 'unavailable'],
      ['{"code":"in_use","errors":null,"params":null}', 409, 'in_use'],
    ] as const) {
      const p = await problemOf(new Response(text, { status, headers: { 'X-Request-ID': 'r9' } }))
      expect(p, text).toMatchObject({ code, status, errors: [], params: {}, requestId: 'r9', retryAfter: 0 })
    }
  })
})
