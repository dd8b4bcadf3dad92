import { computed, watch } from 'vue'
import { useMediaQuery } from '@vueuse/core'
import { stored } from './stored'

export const themes = ['light', 'dark', 'system'] as const

/** theme is the wish; `isDark` is what it comes to now. theme.js does the same before the first paint. */
export const theme = stored('yumen.theme', 'system')
const systemDark = useMediaQuery('(prefers-color-scheme: dark)')
export const isDark = computed(() => theme.value === 'dark' || (theme.value === 'system' && systemDark.value))

export function followTheme() {
  watch(isDark, (dark) => document.documentElement.classList.toggle('dark', dark), { immediate: true, flush: 'sync' })
}

/** narrow is a phone. */
export const narrow = useMediaQuery('(max-width: 720px)')
