import { computed } from 'vue'
import { useQuery } from '@tanstack/vue-query'
import { system } from '@/api/system'
import type { Installation } from '@/api/types'
import { split, type Json } from '@/spec/pointer'

/** fallbackOf gives what a field is when nothing is said, as the running server computes it. */
export function fallbackOf(meta: Installation | undefined, root: 'services' | 'tenants' | 'settings', pointer: string, protocol = ''): Json {
  const path = [root, ...split(pointer).filter((p) => !/^\d+$/.test(p))].join('.')
  const found = meta?.defaults.find((d) => d.field === path)
  if (!found) return undefined
  const value = found.protocols?.[protocol] ?? found.value
  return found.unit === 'true or false' ? value === 'true' : value
}

/** useInstallation is what a console needs to know once: ports, addresses, choices, defaults. */
export function useInstallation() {
  const query = useQuery({ queryKey: ['meta'], queryFn: system.meta, staleTime: 30_000 })
  return { query, meta: computed(() => query.data.value) }
}

/** useTokenPath is where tenants ask for app tokens here. */
export function useTokenPath() {
  const query = useQuery({ queryKey: ['settings'], queryFn: system.settings, staleTime: 60_000 })
  return computed(() => query.data.value?.data.effective?.token?.path ?? '/oauth/tokens')
}
