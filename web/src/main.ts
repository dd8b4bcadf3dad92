import { createApp } from 'vue'
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import App from './App.vue'
import { firstLocale, i18n, setLocale } from './i18n'
import { makeRouter } from './router'
import { Problem } from './api/problem'
import { followTheme } from './composables/theme'
import 'element-plus/theme-chalk/base.css'
import './theme.css'
import './base.css'

followTheme()

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2000,
      // What the server refused it refuses again; only a lost line is tried once more.
      retry: (failures, cause) => failures < 1 && (!(cause instanceof Problem) || cause.status === 0 || cause.status >= 502),
    },
  },
})

await setLocale(firstLocale(), false)
createApp(App).use(i18n).use(makeRouter(queries)).use(VueQueryPlugin, { queryClient: queries }).mount('#app')
