import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { ref } from 'vue'
import type { QueryClient } from '@tanstack/vue-query'
import { loadSession } from './composables/session'

declare module 'vue-router' {
  interface RouteMeta {
    /** Opens without a session. */
    open?: boolean
    /** The page shows a time range. */
    ranged?: boolean
    /** Its title, a key of the locales. */
    title?: string
    /** The entry of the navigation it belongs to. */
    nav?: string
  }
}

const pages: RouteRecordRaw[] = [
  { path: '', name: 'overview', component: () => import('./pages/overview/Overview.vue'), meta: { title: 'nav.overview', ranged: true } },
  { path: 'services', name: 'services', component: () => import('./pages/services/ServiceList.vue'), meta: { title: 'nav.services' } },
  { path: 'services/new', name: 'service-new', component: () => import('./pages/services/ServiceForm.vue'), meta: { title: 'services.add', nav: 'services' } },
  { path: 'services/:name', name: 'service', component: () => import('./pages/services/ServiceDetail.vue'), props: true, meta: { title: 'nav.services', nav: 'services', ranged: true } },
  { path: 'services/:name/edit', name: 'service-edit', component: () => import('./pages/services/ServiceForm.vue'), props: true, meta: { title: 'services.edit', nav: 'services' } },
  { path: 'tenants', name: 'tenants', component: () => import('./pages/tenants/TenantList.vue'), meta: { title: 'nav.tenants' } },
  { path: 'tenants/new', name: 'tenant-new', component: () => import('./pages/tenants/TenantForm.vue'), meta: { title: 'tenants.add', nav: 'tenants' } },
  { path: 'tenants/:id', name: 'tenant', component: () => import('./pages/tenants/TenantDetail.vue'), props: true, meta: { title: 'nav.tenants', nav: 'tenants', ranged: true } },
  { path: 'tenants/:id/edit', name: 'tenant-edit', component: () => import('./pages/tenants/TenantForm.vue'), props: true, meta: { title: 'tenants.edit', nav: 'tenants' } },
  { path: 'blacklist', name: 'blacklist', component: () => import('./pages/blacklist/BlacklistPage.vue'), meta: { title: 'nav.blacklist' } },
  { path: 'releases', name: 'releases', component: () => import('./pages/releases/ReleaseList.vue'), meta: { title: 'nav.releases' } },
  { path: 'releases/:number(\\d+)', name: 'release', component: () => import('./pages/releases/ReleaseDetail.vue'), props: true, meta: { title: 'nav.releases', nav: 'releases' } },
  { path: 'nodes', name: 'nodes', component: () => import('./pages/nodes/NodeList.vue'), meta: { title: 'nav.nodes' } },
  { path: 'audit', name: 'audit', component: () => import('./pages/audit/AuditList.vue'), meta: { title: 'nav.audit' } },
  { path: 'settings', name: 'settings', component: () => import('./pages/settings/SettingsPage.vue'), meta: { title: 'nav.settings' } },
  { path: 'operations', name: 'operations', component: () => import('./pages/api/Operations.vue'), meta: { title: 'nav.api' } },
  { path: ':rest(.*)*', name: 'lost', component: () => import('./pages/Lost.vue'), meta: { title: 'lost.title' } },
]

/** unloadable is the address of a page whose code could not be fetched: no server, or a newer one. */
export const unloadable = ref('')

export function makeRouter(queries: QueryClient) {
  const router = createRouter({
    history: createWebHistory(),
    scrollBehavior: (to, from, saved) => (saved ? saved : to.path === from.path ? false : { top: 0 }),
    routes: [
      { path: '/login', name: 'login', component: () => import('./pages/login/Login.vue'), meta: { open: true, title: 'login.submit' } },
      { path: '/password', name: 'password', component: () => import('./pages/login/Password.vue'), meta: { title: 'password.title' } },
      { path: '/', component: () => import('./components/AppFrame.vue'), children: pages },
    ],
  })

  router.beforeEach(async (to, from) => {
    // The time range stays while one moves between pages that have one.
    if (to.meta.ranged && from.query.range && !to.query.range && to.path !== from.path) {
      return { path: to.path, query: { ...to.query, range: from.query.range }, hash: to.hash, replace: true }
    }
    if (to.meta.open) return true
    let who
    try {
      who = await loadSession()
    } catch {
      return true // The page says itself that the server does not answer.
    }
    if (!who) {
      queries.clear()
      return { name: 'login', query: to.fullPath === '/' ? {} : { back: to.fullPath } }
    }
    if (who.must_change_password && to.name !== 'password') return { name: 'password', query: { back: to.fullPath } }
    return true
  })

  router.onError((_, to) => {
    unloadable.value = to.fullPath
  })
  router.afterEach(() => {
    unloadable.value = ''
  })
  return router
}
