import { enableAutoUnmount } from '@vue/test-utils'
import { afterEach, describe, expect, it } from 'vitest'
import { defineComponent } from 'vue'
import { useList, type Query } from '@/composables/list'
import { settle, visit } from './page'

enableAutoUnmount(afterEach)

async function open(path: string, total = 95) {
  const asked: Query[] = []
  let list!: ReturnType<typeof useList<string>>
  const Page = defineComponent({
    setup() {
      list = useList('things', async (query) => {
        asked.push({ ...query })
        if (query.q === 'broken') throw new Error('no')
        return { items: [`item of page ${query.page}`], total }
      }, ['q', 'protocol'], { sort: 'name' })
      return () => null
    },
  })
  const { router } = await visit(path, [{ path: '/things', component: Page }, { path: '/other', component: { render: () => null } }])
  const put = async (change: Parameters<typeof list.put>[0]) => {
    list.put(change)
    await settle()
    return router.currentRoute.value.fullPath
  }
  return { list, asked, router, put }
}

describe('a list', () => {
  it('reads its page, size, sort and filters from the URL', async () => {
    const { list, asked } = await open('/things?page=3&size=50&sort=-created_at&q=a%20b&range=1h')
    expect(asked).toEqual([{ page: 3, size: 50, sort: '-created_at', q: 'a b' }])
    expect([list.items.value, list.total.value, list.filtered.value]).toEqual([['item of page 3'], 95, true])
  })

  it('takes its defaults for what is no value', async () => {
    for (const query of ['?page=0&size=7', '?page=-2&size=', '?page=x&size=1e9', '?page=NaN&q=', '?page=1&page=2&q=a&q=b&sort=x&sort=y']) {
      const { asked, list } = await open('/things' + query)
      expect(asked, query).toEqual([{ page: 1, size: 20, sort: 'name' }])
      expect(list.filtered.value, query).toBe(false)
    }
  })

  it('goes to page 1 upon a filter, a sort or another size, and keeps the rest of the URL', async () => {
    const { put, asked } = await open('/things?page=3&tab=x')
    expect(await put({ q: 'orders' })).toBe('/things?tab=x&q=orders')
    expect(asked.at(-1)).toEqual({ page: 1, size: 20, sort: 'name', q: 'orders' })
    expect(await put({ page: 2 })).toBe('/things?tab=x&q=orders&page=2')
    expect(await put({ sort: '-name' })).toBe('/things?tab=x&q=orders&sort=-name')
    await put({ page: 2 })
    expect(await put({ size: 50, page: 1 })).toBe('/things?tab=x&q=orders&sort=-name&size=50')
  })

  it('writes no default into the URL, and clears all of its filters at once', async () => {
    const { put, list, router } = await open('/things?page=2&q=a&protocol=tcp&sort=name')
    expect(await put({ page: 1, size: 20 })).toBe('/things?q=a&protocol=tcp&sort=name')
    list.clear()
    await settle()
    expect(router.currentRoute.value.fullPath).toBe('/things?sort=name')
  })

  it('shows the page before until the next is there, and the error of one that is refused', async () => {
    const { put, list } = await open('/things')
    list.put({ page: 2 })
    await Promise.resolve()
    expect(list.items.value).toEqual(['item of page 1'])
    await settle()
    expect(list.items.value).toEqual(['item of page 2'])
    await put({ q: 'broken' })
    expect(list.error.value).toBeInstanceOf(Error)
  })

  it('that was left behind changes no other page', async () => {
    const { router, put } = await open('/things')
    await router.push('/other')
    expect(await put({ q: 'late' })).toBe('/other')
  })
})
