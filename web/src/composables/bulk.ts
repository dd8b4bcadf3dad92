import { ref, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useQueryClient } from '@tanstack/vue-query'
import type { Answer } from '@/api/client'
import type { BulkAnswer } from '@/api/types'
import { announce } from './saves'
import { useWords } from './words'
import { Problem } from '@/api/problem'

/** useBulk does one thing to what is selected and says of each that refused why. */
export function useBulk(selected: Ref<string[]>, run: (action: 'enable' | 'disable' | 'delete', names: string[]) => Promise<Answer<BulkAnswer>>) {
  const { t } = useI18n()
  const words = useWords()
  const queries = useQueryClient()
  const busy = ref(false)
  const refused = ref<{ name: string; why: string }[]>([])

  async function bulk(action: 'enable' | 'disable' | 'delete') {
    const names = [...selected.value]
    busy.value = true
    refused.value = []
    try {
      const { data } = await run(action, names)
      refused.value = data.results.filter((r) => !r.ok).map((r) => ({ name: r.name, why: words.problem(new Problem(r.error ?? {})) }))
      const done = data.results.length - refused.value.length
      if (done) announce(queries, t(`bulk.${action}`, { n: done }, done), data.revision)
      selected.value = refused.value.map((r) => r.name)
    } catch (cause) {
      refused.value = [{ name: '', why: words.problem(cause) }]
    } finally {
      busy.value = false
    }
  }
  return { bulk, busy, refused }
}
