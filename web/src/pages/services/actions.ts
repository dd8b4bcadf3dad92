import { useI18n } from 'vue-i18n'
import { useQueryClient } from '@tanstack/vue-query'
import { services } from '@/api/services'
import { system } from '@/api/system'
import { Problem } from '@/api/problem'
import type { Service, ServiceSpec } from '@/api/types'
import { ask } from '@/composables/confirm'
import { announce } from '@/composables/saves'
import { useWords } from '@/composables/words'
import { specOf } from '@/spec/service'

/** useServiceActions is what can be done to a service from its list and its page alike. */
export function useServiceActions() {
  const { t } = useI18n()
  const words = useWords()
  const queries = useQueryClient()

  /** busyLately tells whether traffic was seen in the last hour; then the name has to be typed. */
  async function busyLately(name: string): Promise<boolean> {
    try {
      const stats = await system.stats({ of: 'service', name, step: 'minute', from: new Date(Date.now() - 3600_000).toISOString(), to: new Date().toISOString() })
      return stats.points.some((p) => p.requests > 0)
    } catch {
      return true // Not known: better asked once too often.
    }
  }

  async function remove(service: Service): Promise<boolean> {
    const busy = await busyLately(service.name)
    const yes = await ask({
      title: t('services.deleteTitle', { name: service.name }),
      body: busy ? t('services.deleteTraffic') : t('services.deleteBody'),
      confirm: t('common.delete'),
      danger: true,
      type: busy ? service.name : undefined,
    })
    if (!yes) return false
    try {
      const { revision } = await services.remove(service.name, service.meta.etag)
      announce(queries, t('services.deleted', { name: service.name }), revision, { kind: 'service', name: service.name }, () => services.create(specOf(service) as unknown as ServiceSpec))
      return true
    } catch (cause) {
      await ask({
        title: t('services.deleteRefused', { name: service.name }),
        body: words.problem(cause),
        items: cause instanceof Problem && Array.isArray(cause.params.names) ? cause.params.names.map(String) : undefined,
        confirm: t('common.ok'),
      })
      return false
    }
  }

  return { remove }
}
