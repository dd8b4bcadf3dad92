import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref } from 'vue'
import type { Me } from '@/api/types'

class Source extends EventTarget {
  static all: Source[] = []
  closed = false
  constructor(readonly url: string) {
    super()
    Source.all.push(this)
  }
  close() {
    this.closed = true
  }
  say(type: string, data?: object) {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }))
  }
}
const source = () => Source.all.at(-1) as Source
const open = () => Source.all.filter((s) => !s.closed)

const start = Date.parse('2026-01-31T12:00:00Z')
const now = { rps: 1, error_percent: 0, p95_ms: 1, live: { http: 0, websocket: 0, tcp: 0, grpc: 0 } }
const tickOf = (rps: number, more: object = {}) => ({ t: new Date().toISOString(), now: { ...now, rps }, today: 0, release: { revision: rps }, services: { a: { rps } }, ...more })
const who = (more: Partial<Me> = {}) => ({ account: 'a', role: 'admin', must_change_password: false, permissions: [], session: { id: '', created_at: '', expires_at: '' }, ...more }) as Me

let answer: (path: string) => Response
let asked: string[]
let live: typeof import('@/composables/live')
let session: typeof import('@/composables/session')
let scope: ReturnType<typeof effectScope>

beforeEach(async () => {
  vi.useFakeTimers({ now: start })
  vi.resetModules()
  Source.all = []
  asked = []
  answer = (path) => new Response(JSON.stringify(path === '/overview' ? { now: { ...now, rps: 7 }, today: 3 } : path === '/release' ? { revision: 8 } : who()), { headers: { 'Content-Type': 'application/json' } })
  vi.stubGlobal('EventSource', Source)
  vi.stubGlobal('fetch', async (request: Request) => {
    const path = new URL(request.url).pathname.replace('/api/v1', '')
    asked.push(path)
    return answer(path)
  })
  session = await import('@/composables/session')
  live = await import('@/composables/live')
  session.me.value = who()
  scope = effectScope()
  scope.run(() => live.startLive())
  await vi.advanceTimersByTimeAsync(0)
})
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('the live stream', () => {
  it('shows what it says, and that it is live', () => {
    expect(source().url).toBe('/api/v1/live')
    source().say('tick', tickOf(42))
    expect(live.mode.value).toBe('live')
    expect([live.tick.value?.now.rps, live.release.value?.revision, live.staleFor.value]).toEqual([42, 42, 0])
  })

  it('that breaks once is opened again at once, without a word', async () => {
    source().say('tick', tickOf(1))
    source().say('error')
    await vi.advanceTimersByTimeAsync(600)
    expect(Source.all).toHaveLength(2)
    expect(open()).toHaveLength(1)
    expect([live.mode.value, asked]).toEqual(['live', ['/me']])
  })

  it('that stays away is replaced by polling, and tried again every five seconds', async () => {
    source().say('tick', tickOf(1))
    for (const wait of [500, 5000, 5000]) {
      source().say('error')
      await vi.advanceTimersByTimeAsync(wait)
    }
    expect(live.mode.value).toBe('polling')
    expect(asked.filter((p) => p === '/overview')).toHaveLength(2)
    expect([live.tick.value?.now.rps, live.release.value?.revision]).toEqual([7, 8])
    expect(live.tick.value?.services).toEqual({ a: { rps: 1 } })
    expect(live.staleFor.value).toBe(0)
    expect(Source.all).toHaveLength(4)
    source().say('tick', tickOf(2))
    expect(live.mode.value).toBe('live')
  })

  it('comes back after the server said goodbye', async () => {
    source().say('bye', { reason: 'restart' })
    await vi.advanceTimersByTimeAsync(600)
    expect([Source.all.length, open().length]).toEqual([2, 1])
  })

  it('says how old the numbers are when nothing is heard any more', async () => {
    source().say('tick', tickOf(1))
    await vi.advanceTimersByTimeAsync(5000)
    expect(live.staleFor.value).toBe(0)
    await vi.advanceTimersByTimeAsync(4000)
    expect(live.staleFor.value).toBe(9)
    answer = () => new Response('', { status: 503 })
    for (let i = 0; i < 3; i++) {
      source().say('error')
      await vi.advanceTimersByTimeAsync(5000)
    }
    expect(live.mode.value).toBe('polling')
    expect(live.staleFor.value).toBeGreaterThanOrEqual(20)
  })

  it('says how old the numbers are that the server itself calls old', async () => {
    source().say('tick', tickOf(1, { stale_since: '2026-01-31T11:59:00Z' }))
    await vi.advanceTimersByTimeAsync(1000)
    expect(live.staleFor.value).toBe(61)
    source().say('tick', tickOf(1))
    expect(live.staleFor.value).toBe(0)
  })

  it('whose session ended asks for the password, and goes on after it', async () => {
    let gone = true
    const before = answer
    answer = (path) => (gone ? new Response(JSON.stringify({ code: 'unauthenticated', status: 401 }), { status: 401 }) : before(path))
    source().say('error')
    await vi.advanceTimersByTimeAsync(1000)
    expect(session.expired.value).toBe(true)
    expect(Source.all).toHaveLength(1)
    gone = false
    await session.login('a', 'b')
    await vi.advanceTimersByTimeAsync(1000)
    expect(session.expired.value).toBe(false)
    expect(open()).toHaveLength(1)
  })

  it('asks for the services of the page, each once, at most 200, and is one', async () => {
    const names = ref(['b', 'a/&,'])
    const page = effectScope()
    page.run(() => live.useLiveServices(() => names.value))
    page.run(() => live.useLiveServices(() => ['b']))
    await vi.advanceTimersByTimeAsync(300)
    expect(source().url).toBe('/api/v1/live?services=a%2F%26%2C,b')
    names.value = Array.from({ length: 300 }, (_, i) => `s${i}`)
    await vi.advanceTimersByTimeAsync(300)
    expect(source().url.split(',')).toHaveLength(200)
    page.stop()
    await vi.advanceTimersByTimeAsync(300)
    expect(source().url).toBe('/api/v1/live')
    expect(open()).toHaveLength(1)
  })

  it('is closed when nobody is logged in, or the first password stands', async () => {
    for (const next of [null, who({ must_change_password: true })]) {
      session.me.value = who()
      await vi.advanceTimersByTimeAsync(300)
      expect(open()).toHaveLength(1)
      session.me.value = next
      await nextTick()
      await vi.advanceTimersByTimeAsync(300)
      expect(open()).toHaveLength(0)
    }
  })
})
