import { useI18n } from 'vue-i18n'
import { useQueryClient } from '@tanstack/vue-query'
import { Problem } from '@/api/problem'
import { tenants } from '@/api/tenants'
import type { Tenant } from '@/api/types'
import { ask } from '@/composables/confirm'
import { announce } from '@/composables/saves'
import { useWords } from '@/composables/words'

/** useTenantActions is what can be done to a tenant from its list and its page alike. */
export function useTenantActions() {
  const { t } = useI18n()
  const words = useWords()
  const queries = useQueryClient()

  async function refused(title: string, cause: unknown) {
    const names = cause instanceof Problem && Array.isArray(cause.params.names) ? cause.params.names.map(String) : undefined
    await ask({ title, body: words.problem(cause), items: names, confirm: t('common.ok') })
  }
  async function remove(tenant: Tenant): Promise<boolean> {
    // Its secrets are gone with it, so there is no way back: the name is typed where it was in use.
    const yes = await ask({
      title: t('tenants.deleteTitle', { name: tenant.app_id }),
      body: t(tenant.status.today ? 'tenants.deleteTraffic' : 'tenants.deleteBody'),
      confirm: t('common.delete'),
      danger: true,
      type: tenant.status.today ? tenant.app_id : undefined,
    })
    if (!yes) return false
    try {
      const { revision } = await tenants.remove(tenant.app_id, tenant.meta.etag)
      announce(queries, t('tenants.deleted', { name: tenant.app_id }), revision, { kind: 'tenant', name: tenant.app_id })
      return true
    } catch (cause) {
      await refused(t('tenants.deleteRefused', { name: tenant.app_id }), cause)
      return false
    }
  }
  async function toggle(tenant: Tenant) {
    const on = tenant.enabled === false
    try {
      const { revision } = await tenants.enable(tenant.app_id, on)
      announce(queries, t(on ? 'tenants.enabled' : 'tenants.disabled', { name: tenant.app_id }), revision, { kind: 'tenant', name: tenant.app_id }, () => tenants.enable(tenant.app_id, !on))
    } catch (cause) {
      await refused(tenant.app_id, cause)
    }
  }
  return { remove, toggle }
}
