// Opens a page of the console against a server that is a function.
import { flushPromises, mount } from '@vue/test-utils'
import { VueQueryPlugin, QueryClient } from '@tanstack/vue-query'
import { RouterView, createMemoryHistory, createRouter, type RouteRecordRaw } from 'vue-router'
import { createI18n } from 'vue-i18n'
import { vi } from 'vitest'
import { me } from '@/composables/session'
import type { Installation } from '@/api/types'
import en from '@/locales/en.json'

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } })

export const refusal = (status: number, code: string, more: object = {}) => json({ type: '', title: code, status, code, request_id: 'r1', ...more }, status)

export interface Call {
  method: string
  path: string
  query: URLSearchParams
  headers: Headers
  body: unknown
}

export const installation: Installation = {
  version: '1', lineage: '', revision: 1, listen_ports: { min: 8001, max: 9000 }, gateway: { http: '0.0.0.0:8080', https: '' }, time_zone: 'UTC', database: 'sqlite', embedded: true,
  warnings: [], policies: ['random', 'round_robin', 'weighted_round_robin', 'ip_hash'], protocols: ['http', 'tcp', 'grpc'], schemes: {}, algorithms: ['EdDSA', 'RS256', 'ES256', 'HS256'], free_port: 8005,
  defaults: [
    { field: 'services.enabled', value: 'true', unit: 'true or false', zero: '' },
    { field: 'services.upstream.balance.policy', value: 'round_robin', unit: '', zero: '' },
    { field: 'tenants.enabled', value: 'true', unit: 'true or false', zero: '' },
    { field: 'settings.token.enabled', value: 'true', unit: 'true or false', zero: '' },
  ],
}

/** serve answers every call of the console; what `answer` leaves out is an empty list, or what is installed. */
export function serve(answer: (call: Call) => Response | undefined): Call[] {
  const calls: Call[] = []
  vi.stubGlobal('fetch', async (request: Request) => {
    const url = new URL(request.url)
    const text = await request.text()
    const call = { method: request.method, path: url.pathname.replace('/api/v1', ''), query: url.searchParams, headers: request.headers, body: text ? (JSON.parse(text) as unknown) : undefined }
    calls.push(call)
    return answer(call) ?? (call.path === '/meta' ? json(installation) : json({ items: [], total: 0 }))
  })
  return calls
}

export function loggedIn() {
  me.value = {
    account: 'admin', role: 'admin', must_change_password: false, session: { id: 's', created_at: '', expires_at: '' },
    permissions: ['services:write', 'tenants:write', 'blacklist:write', 'settings:write', 'revisions:write'],
  }
}

export async function visit(path: string, routes: RouteRecordRaw[]) {
  const router = createRouter({ history: createMemoryHistory(), routes: [...routes, { path: '/:rest(.*)*', component: { render: () => null } }] })
  await router.push(path)
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en }, missingWarn: false, fallbackWarn: false })
  const page = mount(RouterView, { attachTo: document.body, global: { plugins: [i18n, router, [VueQueryPlugin, { queryClient: queries }]] } })
  await settle()
  return { page, router, queries }
}

/** settle waits until nothing is on its way: requests, dynamic imports, renders. */
export async function settle() {
  for (let i = 0; i < 4; i++) {
    await flushPromises()
    await new Promise((done) => setTimeout(done))
  }
}
