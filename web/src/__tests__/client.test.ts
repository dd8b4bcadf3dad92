import { afterEach, describe, expect, it, vi } from 'vitest'
import { onUnauthenticated } from '@/api/client'
import { Problem } from '@/api/problem'
import { services } from '@/api/services'
import { account } from '@/api/system'

const problem = (status: number, code: string, more: object = {}) =>
  new Response(JSON.stringify({ type: '', title: code, status, code, request_id: 'r1', ...more }), { status, headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '7' } })

async function failure(call: Promise<unknown>): Promise<Problem> {
  try {
    await call
  } catch (cause) {
    expect(cause).toBeInstanceOf(Problem)
    return cause as Problem
  }
  throw new Error('it did not fail')
}

afterEach(() => vi.unstubAllGlobals())

describe('a call', () => {
  it('that finds the session gone waits for the login and is made again as it was', async () => {
    const bodies: string[] = []
    let session = false
    vi.stubGlobal('fetch', async (request: Request) => {
      bodies.push(await request.text())
      return session ? new Response(JSON.stringify({ name: 'a', meta: { etag: '"2"' } }), { status: 200, headers: { ETag: '"2"', 'X-Yumen-Revision': '9', 'Content-Type': 'application/json' } }) : problem(401, 'unauthenticated')
    })
    const renewed = vi.fn(async () => {
      session = true
    })
    onUnauthenticated(renewed)
    const saved = await services.replace('a', { name: 'a', protocol: 'http' }, '"1"')
    expect(renewed).toHaveBeenCalledOnce()
    expect(bodies).toEqual(['{"name":"a","protocol":"http"}', '{"name":"a","protocol":"http"}'])
    expect(saved).toMatchObject({ etag: '"2"', revision: 9, data: { name: 'a' } })
  })

  it('that asks who is there does not open the login', async () => {
    vi.stubGlobal('fetch', async () => problem(401, 'unauthenticated'))
    const renewed = vi.fn(async () => {})
    onUnauthenticated(renewed)
    expect((await failure(account.me())).status).toBe(401)
    expect(renewed).not.toHaveBeenCalled()
  })

  it('that is refused says code, fields, request id and when to come again', async () => {
    vi.stubGlobal('fetch', async () => problem(422, 'invalid', { errors: [{ field: '/name', code: 'bad_name', message: 'no' }] }))
    const p = await failure(services.create({ name: '?', protocol: 'http' }))
    expect(p).toMatchObject({ code: 'invalid', status: 422, requestId: 'r1', retryAfter: 7 })
    expect(p.errors.map((e) => e.field)).toEqual(['/name'])
  })

  it('that reaches nobody, or a stranger, still fails with a code', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('fetch failed')
    })
    expect((await failure(services.list({}))).code).toBe('network')
    vi.stubGlobal('fetch', async () => new Response('<h1>Bad gateway</h1>', { status: 502 }))
    expect((await failure(services.list({}))).code).toBe('unavailable')
  })

  it('puts names into the path as they are', async () => {
    let url = ''
    vi.stubGlobal('fetch', async (request: Request) => {
      url = request.url
      return new Response('{}', { status: 200, headers: { 'Content-Type': 'application/json' } })
    })
    await services.get('a/../b?c', true)
    expect(new URL(url).pathname + new URL(url).search).toBe('/api/v1/services/a%2F..%2Fb%3Fc?effective=true')
  })
})
