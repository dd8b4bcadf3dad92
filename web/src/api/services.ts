import { answer, body, client } from './client'
import type { BulkAnswer, Plan, Service, ServiceSpec } from './types'
import type { paths } from './schema'

export type ServiceQuery = NonNullable<paths['/services']['get']['parameters']['query']>

const match = (etag: string) => ({ 'If-Match': etag })

export const services = {
  list: (query: ServiceQuery) => body(client.GET('/services', { params: { query } })),
  get: (name: string, effective?: boolean) => answer<Service>(client.GET('/services/{name}', { params: { path: { name }, query: { effective } } })),
  create: (spec: ServiceSpec, message?: string) => answer<Service>(client.POST('/services', { body: spec, params: { query: { message } } })),
  replace: (name: string, spec: ServiceSpec, etag: string, message?: string) =>
    answer<Service>(client.PUT('/services/{name}', { body: spec, params: { path: { name }, header: match(etag), query: { message } } })),
  patch: (name: string, patch: Partial<ServiceSpec>, etag: string) =>
    answer<Service>(client.PATCH('/services/{name}', { body: patch, params: { path: { name }, header: match(etag) } })),
  remove: (name: string, etag: string) => answer<void>(client.DELETE('/services/{name}', { params: { path: { name }, header: match(etag) } })),
  planCreate: async (spec: ServiceSpec) => (await answer<Plan>(client.POST('/services', { body: spec, params: { query: { dry_run: true } } }))).data,
  planReplace: async (name: string, spec: ServiceSpec, etag: string) =>
    (await answer<Plan>(client.PUT('/services/{name}', { body: spec, params: { path: { name }, header: match(etag), query: { dry_run: true } } }))).data,
  enable: (name: string, on: boolean) =>
    answer<Service>(on ? client.POST('/services/{name}/enable', { params: { path: { name } } }) : client.POST('/services/{name}/disable', { params: { path: { name } } })),
  clone: (name: string, to: { name: string; title?: string; port?: number }) => answer<Service>(client.POST('/services/{name}/clone', { body: to, params: { path: { name } } })),
  bulk: (action: 'enable' | 'disable' | 'delete', names: string[]) => answer<BulkAnswer>(client.POST('/services/bulk', { body: { action, names } })),
  targets: async (name: string) => (await body(client.GET('/services/{name}/targets', { params: { path: { name } } }))).items,
}
