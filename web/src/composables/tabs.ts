import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** useTab is the open tab, kept in the URL. */
export function useTab<T extends string>(tabs: readonly T[]) {
  const route = useRoute()
  const router = useRouter()
  return computed<T>({
    get: () => tabs.find((x) => x === route.query.tab) ?? (tabs[0] as T),
    set: (tab) => void router.replace({ query: { ...route.query, tab: tab === tabs[0] ? undefined : tab } }),
  })
}
