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
    expect([0, -1, 99_999_999, 2 ** 53].map(zh.brief)).toEqual(['0', '-1', '1亿', '9007.2万亿'])
    expect([0, 0.5, 1_234_567].map(zh.count)).toEqual(['0', '1', '1,234,567'])
    expect([12_345, 1e12].map(zh.rate)).toEqual(['1.2万', '1万亿'])
  })
  it('stay numbers where they are huge, negative or infinite', () => {
    expect([en.brief(2 ** 53), en.count(2 ** 53), en.bytes(2 ** 60), en.bytes(-2048), en.rate(-1.234), en.percent(1000), en.ms(3_600_000)]).toEqual(['9007.2tn', '9,007,199,254,740,992', '1,048,576 TiB', '-2 KiB', '-1.23', '1,000%', '3,600 s'])
    for (const f of [en.count, en.brief, en.rate, en.percent, en.ms, en.bytes, en.span, zh.count, zh.brief]) expect(f(Infinity)).toBe('–')
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
  it('are told in the larger unit as soon as they round to one of it', () => {
    const before = (seconds: number) => new Date(now - seconds * 1000)
    expect([0, 59.4, 59.6, 3599, 3600, 86_399, 86_400].map((s) => en.ago(before(s), now))).toEqual(['now', '59 sec ago', '1 min ago', '1 hr ago', '1 hr ago', 'yesterday', 'yesterday'])
    expect([0, 59.6, 3599, 86_399].map((s) => zh.ago(before(s), now))).toEqual(['现在', '1分钟前', '1小时前', '昨天'])
    expect([en.ago(before(-30), now), en.ago(before(-86_400), now), zh.ago(before(-172_800), now), en.ago(before(4e8), now)]).toEqual(['in 30 sec', 'tomorrow', '后天', '4,630 days ago'])
  })
  it('span in one unit', () => {
    expect([5, 65, 3700, 200_000].map(en.span)).toEqual(['5s', '1m', '1h', '2d'])
    expect([0, -5, 59.9, 3599, 86_399, 1e9].map(en.span)).toEqual(['0s', '0s', '59s', '59m', '23h', '11,574d'])
    expect([5, 65, 3700, 200_000].map(zh.span)).toEqual(['5秒', '1分钟', '1小时', '2天'])
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
