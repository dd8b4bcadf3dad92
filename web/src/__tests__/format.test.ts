import { describe, expect, it } from 'vitest'
import { makeFormat } from '@/composables/format'
import { boundsOf, ranges, stepOf } from '@/composables/range'
import { perSecond } from '@/composables/stats'
import type { Point } from '@/api/types'

const en = makeFormat('en')
const zh = makeFormat('zh')

describe('numbers', () => {
  it('are a dash when nothing is known', () => {
    for (const f of [en.count, en.brief, en.rate, en.percent, en.ms, en.bytes, en.span]) {
      expect(f(undefined)).toBe('–')
      expect(f(Number.NaN)).toBe('–')
    }
  })
  it('are as fine as a person needs', () => {
    expect([0, 0.123, 9.876, 23.84, 999.95, 12_345].map(en.rate)).toEqual(['0', '0.12', '9.88', '23.8', '1,000', '12.3K'.toLowerCase()])
    expect([0, 0.05, 4.126, 12.34, 100].map(en.percent)).toEqual(['0%', '0.05%', '4.13%', '12.3%', '100%'])
    expect([0.567, 4.25, 42.4, 1500].map(en.ms)).toEqual(['0.57 ms', '4.3 ms', '42 ms', '1.5 s'])
    expect([0, 1023, 1024, 1_572_864, 5e12].map(en.bytes)).toEqual(['0 B', '1,023 B', '1 KiB', '1.5 MiB', '4.5 TiB'])
    expect([9999, 10_000, 1_234_567].map(en.brief)).toEqual(['9,999', '10k', '1.2m'])
  })
  it('say nothing of a time that was not measured', () => {
    expect(en.ms(0)).toBe('–')
  })
  it('are large in Chinese as Chinese says it', () => {
    expect(zh.brief(1_234_567)).toBe('123.5万')
  })
})

describe('times', () => {
  const now = Date.parse('2026-01-31T12:00:00Z')
  it('are a dash when there was none, as Go writes it too', () => {
    for (const t of [undefined, null, '', 'nonsense', '0001-01-01T00:00:00Z']) {
      expect(en.time(t)).toBe('–')
      expect(en.ago(t, now)).toBe('–')
    }
  })
  it('are told from now', () => {
    expect(en.ago('2026-01-31T11:59:30Z', now)).toBe('30 sec ago')
    expect(en.ago('2026-01-31T11:00:00Z', now)).toBe('1 hr ago')
    expect(en.ago('2026-01-30T12:00:00Z', now)).toBe('yesterday')
    expect(zh.ago('2026-01-31T11:57:00Z', now)).toBe('3分钟前')
    expect(en.ago('2026-01-31T13:00:00Z', now)).toBe('in 1 hr')
  })
  it('span in one unit', () => {
    expect([5, 65, 3700, 200_000].map(en.span)).toEqual(['5s', '1m', '1h', '2d'])
  })
})

describe('a range', () => {
  it('is drawn with at most 1,500 points, which is what the server gives', () => {
    const seconds = { minute: 60, hour: 3600, day: 86_400 }
    for (const range of ranges) {
      const { from, to } = boundsOf(range, Date.parse('2026-01-31T12:34:56Z'))
      const points = (Date.parse(to) - Date.parse(from)) / 1000 / seconds[stepOf(range)]
      expect(points, range).toBeGreaterThanOrEqual(15)
      expect(points, range).toBeLessThanOrEqual(1440)
    }
  })
  it('divides the bucket that still runs by what has passed of it', () => {
    const point = { t: '2026-01-31T12:00:00Z' } as Point
    const start = Date.parse(point.t)
    expect(perSecond(600, point, 'minute', start + 300_000)).toBe(10)
    expect(perSecond(300, point, 'minute', start + 30_000)).toBe(10)
    expect(perSecond(5, point, 'minute', start + 100)).toBe(5)
  })
})
