import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { useNow } from '@vueuse/core'
import { base } from '@/api/client'
import { account, system } from '@/api/system'
import type { Release, Tick } from '@/api/types'
import { me } from './session'

/** tick is the last event of the stream: the numbers of this second. */
export const tick = shallowRef<Tick>()
/** release is what is published and where it is live. */
export const release = shallowRef<Release>()
export const mode = ref<'off' | 'live' | 'polling'>('off')

const now = useNow({ interval: 1000 })
const heardAt = ref(0)

/** staleFor is how many seconds ago the numbers were true; 0 while they are fresh. */
export const staleFor = computed(() => {
  const since = tick.value?.stale_since ? new Date(tick.value.stale_since).getTime() : heardAt.value
  if (!since) return 0
  const age = (now.value.getTime() - since) / 1000
  return age > (mode.value === 'polling' ? 12 : 5) ? Math.floor(age) : 0
})

const interests = new Map<symbol, string[]>()
const url = ref('')
let source: EventSource | null = null
let failures = 0
let timer: ReturnType<typeof setTimeout> | undefined

function wanted(): string {
  const names = [...new Set([...interests.values()].flat())].sort().slice(0, 200)
  return `${base}/live${names.length ? `?services=${names.map(encodeURIComponent).join(',')}` : ''}`
}

function take(next: Tick) {
  tick.value = next
  release.value = next.release
  heardAt.value = Date.now()
}

function connect() {
  clearTimeout(timer)
  source?.close()
  source = null
  if (!url.value) return
  const mine = (source = new EventSource(url.value))
  mine.addEventListener('tick', (event) => {
    failures = 0
    mode.value = 'live'
    take(JSON.parse((event as MessageEvent<string>).data) as Tick)
  })
  const failed = () => {
    if (source !== mine) return
    mine.close()
    failures++
    void fallBack()
  }
  mine.addEventListener('bye', failed)
  mine.addEventListener('error', failed)
}

// The stream is gone: see whether the session is (then the login opens over
// the page), poll once, and try the stream again a little later.
async function fallBack() {
  const again = url.value
  if (failures > 1) mode.value = 'polling'
  try {
    await account.check()
    if (failures > 1) {
      const [overview, current] = await Promise.all([system.overview(), system.release()])
      take({ t: new Date().toISOString(), now: overview.now, today: overview.today, release: current, services: tick.value?.services ?? {}, stale_since: overview.stale_since })
    }
  } catch {
    // Said by staleFor.
  }
  if (url.value !== again) return
  timer = setTimeout(connect, failures > 1 ? 5000 : 500)
}

watch(url, () => {
  failures = 0
  clearTimeout(timer)
  timer = setTimeout(connect, source ? 200 : 0)
})

/** startLive opens the one stream of this page while somebody is logged in. */
export function startLive() {
  heardAt.value = Date.now() // Silence from the first is silence too.
  const stop = watch(
    me,
    (who) => {
      url.value = who && !who.must_change_password ? wanted() : ''
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    stop()
    url.value = ''
    mode.value = 'off'
  })
}

/** useLiveServices asks the stream for the numbers of these services too. */
export function useLiveServices(names: () => string[]) {
  const mine = Symbol('services')
  const update = () => {
    if (url.value) url.value = wanted()
  }
  watch(
    names,
    (list) => {
      interests.set(mine, list)
      update()
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    interests.delete(mine)
    update()
  })
  return computed(() => tick.value?.services ?? {})
}
