import { answer, body, client } from './client'
import type { BulkAnswer, NewCredential, Plan, Tenant, TenantSpec } from './types'
import type { paths } from './schema'

export type TenantQuery = NonNullable<paths['/tenants']['get']['parameters']['query']>

const match = (etag: string) => ({ 'If-Match': etag })

export const tenants = {
  list: (query: TenantQuery) => body(client.GET('/tenants', { params: { query } })),
  get: (app_id: string) => answer<Tenant>(client.GET('/tenants/{app_id}', { params: { path: { app_id } } })),
  create: (spec: TenantSpec, message?: string) => answer<Tenant>(client.POST('/tenants', { body: spec, params: { query: { message } } })),
  replace: (app_id: string, spec: TenantSpec, etag: string, message?: string) =>
    answer<Tenant>(client.PUT('/tenants/{app_id}', { body: spec, params: { path: { app_id }, header: match(etag), query: { message } } })),
  remove: (app_id: string, etag: string) => answer<void>(client.DELETE('/tenants/{app_id}', { params: { path: { app_id }, header: match(etag) } })),
  planCreate: async (spec: TenantSpec) => (await answer<Plan>(client.POST('/tenants', { body: spec, params: { query: { dry_run: true } } }))).data,
  planReplace: async (app_id: string, spec: TenantSpec, etag: string) =>
    (await answer<Plan>(client.PUT('/tenants/{app_id}', { body: spec, params: { path: { app_id }, header: match(etag), query: { dry_run: true } } }))).data,
  enable: (app_id: string, on: boolean) =>
    answer<Tenant>(on ? client.POST('/tenants/{app_id}/enable', { params: { path: { app_id } } }) : client.POST('/tenants/{app_id}/disable', { params: { path: { app_id } } })),
  clone: (app_id: string, to: { app_id: string; name?: string }) => answer<Tenant>(client.POST('/tenants/{app_id}/clone', { body: to, params: { path: { app_id } } })),
  bulk: (action: 'enable' | 'disable' | 'delete', names: string[]) => answer<BulkAnswer>(client.POST('/tenants/bulk', { body: { action, names } })),
  addCredential: (app_id: string, expires_at?: string) =>
    answer<NewCredential>(client.POST('/tenants/{app_id}/credentials', { body: { expires_at }, params: { path: { app_id } } })),
  endCredential: (app_id: string, id: string, etag: string, expires_at: string) =>
    answer<void>(client.PATCH('/tenants/{app_id}/credentials/{id}', { body: { expires_at }, params: { path: { app_id, id }, header: match(etag) } })),
  removeCredential: (app_id: string, id: string, etag: string) =>
    answer<void>(client.DELETE('/tenants/{app_id}/credentials/{id}', { params: { path: { app_id, id }, header: match(etag) } })),
}
