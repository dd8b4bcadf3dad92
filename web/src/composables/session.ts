import { computed, ref, shallowRef } from 'vue'
import { onUnauthenticated } from '@/api/client'
import { Problem } from '@/api/problem'
import { account } from '@/api/system'
import type { Me } from '@/api/types'

/** me is who is logged in: null is nobody, undefined is not asked yet. */
export const me = shallowRef<Me | null>()

/** expired is true while the page waits for the password again; nothing typed is lost. */
export const expired = ref(false)
let waiting: { promise: Promise<void>; done: () => void } | null = null

export const mayWrite = computed(() => me.value?.role === 'admin' || me.value?.role === 'operator')

/** can tells whether the role has a permission, such as "services:write". */
export function can(permission: string): boolean {
  return me.value?.permissions.includes(permission) ?? false
}

export async function loadSession(): Promise<Me | null> {
  if (me.value !== undefined) return me.value
  try {
    me.value = await account.me()
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 401) throw problem
    me.value = null
  }
  return me.value
}

export async function login(name: string, password: string) {
  me.value = await account.login(name, password)
  expired.value = false
  waiting?.done()
  waiting = null
}

export async function logout() {
  try {
    await account.logout()
  } catch (problem) {
    // A session that is gone already is what we want.
    if (!(problem instanceof Problem) || problem.status !== 401) throw problem
  }
  me.value = null
}

/** askAgain opens the login over the page and resolves once somebody passed it. */
export function askAgain(): Promise<void> {
  if (!waiting) {
    let done = () => {}
    const promise = new Promise<void>((resolve) => (done = resolve))
    waiting = { promise, done }
    expired.value = true
  }
  return waiting.promise
}

onUnauthenticated(askAgain)
