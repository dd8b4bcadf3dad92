import { answer, body, client } from './client'
import type { BlacklistRule, BlacklistSpec, BulkAnswer } from './types'
import type { paths } from './schema'

export type BlacklistQuery = NonNullable<paths['/blacklist']['get']['parameters']['query']>

const match = (etag: string) => ({ 'If-Match': etag })

export const blacklist = {
  list: (query: BlacklistQuery) => body(client.GET('/blacklist', { params: { query } })),
  create: (rule: BlacklistSpec) => answer<BlacklistRule>(client.POST('/blacklist', { body: rule })),
  replace: (id: string, rule: BlacklistSpec, etag: string) =>
    answer<BlacklistRule>(client.PUT('/blacklist/{id}', { body: rule, params: { path: { id }, header: match(etag) } })),
  remove: (id: string, etag: string) => answer<void>(client.DELETE('/blacklist/{id}', { params: { path: { id }, header: match(etag) } })),
  bulk: (names: string[]) => answer<BulkAnswer>(client.POST('/blacklist/bulk', { body: { action: 'delete', names } })),
}
