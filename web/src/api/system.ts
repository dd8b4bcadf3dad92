import { anonymous, answer, body, client } from './client'
import type { Plan, Settings, SettingsSpec } from './types'
import type { paths } from './schema'

export const account = {
  /** me says who is logged in, or throws 401. */
  me: () => body(anonymous.GET('/me')),
  /** check is me for a page that goes on after a new login. */
  check: () => body(client.GET('/me')),
  login: (account: string, password: string) => body(anonymous.POST('/login', { body: { account, password } })),
  logout: () => body(anonymous.POST('/logout')),
  setPassword: (current: string, next: string) => body(client.PUT('/me/password', { body: { current, new: next } })),
}

export type StatsQuery = NonNullable<paths['/stats']['get']['parameters']['query']>
export type AuditQuery = NonNullable<paths['/audit']['get']['parameters']['query']>
type TopQuery = NonNullable<paths['/stats/top']['get']['parameters']['query']>

export const system = {
  meta: () => body(client.GET('/meta')),
  overview: () => body(client.GET('/overview')),
  release: () => body(client.GET('/release')),
  stats: (query: StatsQuery) => body(client.GET('/stats', { params: { query } })),
  top: async (query: TopQuery) => (await body(client.GET('/stats/top', { params: { query } }))).items,
  nodes: async () => (await body(client.GET('/nodes'))).items,
  forgetNode: (incarnation: string) => body(client.DELETE('/nodes/{incarnation}', { params: { path: { incarnation } } })),
  revisions: (page: number, size: number) => body(client.GET('/revisions', { params: { query: { page, size } } })),
  revision: (number: number) => body(client.GET('/revisions/{number}', { params: { path: { number } } })),
  diff: (number: number, against?: number) => body(client.GET('/revisions/{number}/diff', { params: { path: { number }, query: { against } } })),
  audit: (query: AuditQuery) => body(client.GET('/audit', { params: { query } })),
  settings: () => answer<Settings>(client.GET('/settings', { params: { query: { effective: true } } })),
  saveSettings: (spec: SettingsSpec, etag: string, message?: string) =>
    answer<Settings>(client.PUT('/settings', { body: spec, params: { header: { 'If-Match': etag }, query: { message } } })),
  planSettings: async (spec: SettingsSpec, etag: string) =>
    (await answer<Plan>(client.PUT('/settings', { body: spec, params: { header: { 'If-Match': etag }, query: { dry_run: true } } }))).data,
}
