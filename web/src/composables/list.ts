import { computed, ref } from 'vue'
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { useRoute, useRouter } from 'vue-router'
import type { List } from '@/api/types'

export type Query = { page: number; size: number; sort?: string } & Record<string, string | number | undefined>

/** useList is one page of something: page, size, sort and filters live in the URL. */
export function useList<T>(key: string, fetcher: (query: Query) => Promise<List<T>>, filters: readonly string[], options: { sort?: string; refresh?: number } = {}) {
  const route = useRoute()
  const router = useRouter()
  const home = route.path

  const query = computed<Query>(() => {
    const now: Query = {
      page: Math.max(1, Number(route.query.page) || 1),
      size: [20, 50, 100, 200].find((n) => n === Number(route.query.size)) ?? 20,
      sort: typeof route.query.sort === 'string' ? route.query.sort : options.sort,
    }
    for (const name of filters) {
      const value = route.query[name]
      if (typeof value === 'string' && value) now[name] = value
    }
    return now
  })

  /** put changes some of the query; a filter that changes leads back to page 1. */
  function put(change: Record<string, string | number | undefined>) {
    if (route.path !== home) return
    const next: Record<string, string | undefined> = {}
    for (const [name, value] of Object.entries({ ...route.query, ...('page' in change ? {} : { page: undefined }), ...change })) {
      if (typeof value === 'string' || typeof value === 'number') next[name] = String(value) || undefined
    }
    if (next.page === '1') next.page = undefined
    if (next.size === '20') next.size = undefined
    void router.replace({ query: next })
  }

  const result = useQuery({
    queryKey: [key, query],
    queryFn: () => fetcher(query.value),
    placeholderData: keepPreviousData,
    refetchInterval: options.refresh,
  })

  const filtered = computed(() => filters.some((name) => query.value[name] !== undefined))
  const selected = ref<string[]>([])

  return {
    query,
    put,
    filtered,
    selected,
    items: computed(() => result.data.value?.items ?? []),
    total: computed(() => result.data.value?.total ?? 0),
    loading: result.isPending,
    fetching: result.isFetching,
    error: result.error,
    reload: () => result.refetch(),
    clear: () => put(Object.fromEntries(filters.map((name) => [name, undefined]))),
  }
}
