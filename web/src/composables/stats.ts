import { computed, type Ref } from 'vue'
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { useI18n } from 'vue-i18n'
import { system, type StatsQuery } from '@/api/system'
import type { Point, Revision, Stats } from '@/api/types'
import type { Marker, Series } from '@/components/TimeChart.vue'
import { boundsOf, stepOf, useRange } from './range'

const seconds: Record<Stats['step'], number> = { minute: 60, hour: 3600, day: 86_400 }

/** perSecond makes a rate of a count; the bucket that still runs is divided by what has passed of it. */
export function perSecond(count: number, point: Point, step: Stats['step'], now: number): number {
  const passed = (now - new Date(point.t).getTime()) / 1000
  return count / Math.max(1, Math.min(seconds[step], passed))
}

/** useStats is the series of one subject over the range in the URL; it is read again while one looks. */
export function useStats(of: StatsQuery['of'], name?: Ref<string>) {
  const range = useRange()
  const { t } = useI18n()
  const query = useQuery({
    queryKey: ['stats', of, name ?? '', range],
    queryFn: () => system.stats({ of, name: name?.value, step: stepOf(range.value), ...boundsOf(range.value, Date.now()) }),
    placeholderData: keepPreviousData,
    refetchInterval: () => (stepOf(range.value) === 'minute' ? 5000 : 30_000),
    staleTime: 0,
  })

  const step = computed(() => query.data.value?.step ?? 'minute')
  const points = computed(() => query.data.value?.points ?? [])
  const times = computed(() => points.value.map((p) => new Date(p.t).getTime()))
  const rate = (pick: (p: Point) => number) => points.value.map((p) => perSecond(pick(p), p, step.value, query.dataUpdatedAt.value))

  const status = computed<Series[]>(() => {
    const one = (code: string, tone: string): Series => ({ name: t(`status.${code}`), tone, values: rate((p) => p.status[code] ?? 0) })
    const all = [one('2xx', 'accent'), one('3xx', 'blue'), one('4xx', 'amber-dot'), one('5xx', 'red'), one('1xx', 'line-strong'), one('none', 'line-strong')]
    return all.filter((s, i) => i === 0 || s.values.some((v) => v > 0))
  })
  const latency = computed<Series[]>(() => [
    { name: 'p50', tone: 'accent', values: points.value.map((p) => p.p50) },
    { name: 'p95', tone: 'amber-dot', values: points.value.map((p) => p.p95) },
    { name: 'p99', tone: 'red', values: points.value.map((p) => p.p99), dashed: true },
  ])
  const bytes = computed<Series[]>(() => [
    { name: t('stats.in'), tone: 'blue', values: rate((p) => p.bytes_in) },
    { name: t('stats.out'), tone: 'accent', values: rate((p) => p.bytes_out) },
  ])
  const sum = (pick: (p: Point) => Record<string, number>) =>
    computed(() => {
      const total = new Map<string, number>()
      for (const p of points.value) for (const [k, n] of Object.entries(pick(p))) total.set(k, (total.get(k) ?? 0) + n)
      return [...total].map(([key, n]) => ({ key, n })).sort((a, b) => b.n - a.n)
    })
  const requests = computed(() => points.value.reduce((n, p) => n + p.requests, 0))

  return {
    query,
    step,
    times,
    status,
    latency,
    bytes,
    requests,
    refused: sum((p) => p.refused),
    statuses: sum((p) => p.status),
    grpc: sum((p) => p.grpc),
    traffic: computed(() => points.value.reduce((n, p) => ({ in: n.in + p.bytes_in, out: n.out + p.bytes_out }), { in: 0, out: 0 })),
  }
}

/** useReleaseMarkers are the releases of the range, to be drawn into a chart. */
export function useReleaseMarkers(touches?: (r: Revision) => boolean) {
  const { t } = useI18n()
  const query = useQuery({ queryKey: ['revisions', 'markers'], queryFn: () => system.revisions(1, 100), refetchInterval: 30_000 })
  return computed<Marker[]>(() =>
    (query.data.value?.items ?? [])
      .filter((r) => !touches || touches(r))
      .map((r) => ({ at: new Date(r.at).getTime(), label: t('chart.marker', { n: r.number, who: r.account || '–' }) })),
  )
}
