import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import type { Stats } from '@/api/types'

export const ranges = ['15m', '1h', '6h', '24h', '7d', '30d'] as const
export type Range = (typeof ranges)[number]

const minutes: Record<Range, number> = { '15m': 15, '1h': 60, '6h': 360, '24h': 1440, '7d': 10_080, '30d': 43_200 }

/** stepOf keeps a chart between 15 and 1,440 points; minutes are kept for 48 hours. */
export function stepOf(range: Range): Stats['step'] {
  if (minutes[range] <= 1440) return 'minute'
  return minutes[range] <= 10_080 ? 'hour' : 'day'
}

export function boundsOf(range: Range, now: number) {
  return { from: new Date(now - minutes[range] * 60_000).toISOString(), to: new Date(now).toISOString() }
}

/** useRange is the time range in the URL; it stays while one moves between pages. */
export function useRange() {
  const route = useRoute()
  const router = useRouter()
  return computed<Range>({
    get: () => ranges.find((r) => r === route.query.range) ?? '1h',
    set: (range) => void router.replace({ query: { ...route.query, range: range === '1h' ? undefined : range } }),
  })
}
