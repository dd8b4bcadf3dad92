import { flushPromises, mount } from '@vue/test-utils'
import { RouterView, createMemoryHistory, createRouter } from 'vue-router'
import { createI18n } from 'vue-i18n'
import { describe, expect, it } from 'vitest'
import { defineComponent, h, nextTick } from 'vue'
import { Problem } from '@/api/problem'
import { useForm } from '@/composables/form'
import FormErrors from '@/components/form/FormErrors.vue'
import FormList from '@/components/form/FormList.vue'
import FormSwitch from '@/components/form/FormSwitch.vue'
import FormText from '@/components/form/FormText.vue'
import en from '@/locales/en.json'

const defaults: Record<string, string | boolean> = { '/upstream/timeouts/connect': '2s', '/enabled': true }

async function open(spec: object) {
  let held!: ReturnType<typeof useForm>
  const Form = defineComponent({
    setup() {
      held = useForm({ fallback: (p) => defaults[p], title: () => 'x' })
      held.load(spec)
      return () =>
        h('div', [
          h(FormErrors),
          h(FormText, { path: '/title' }),
          h(FormText, { path: '/upstream/timeouts/connect', kind: 'duration' }),
          h(FormText, { path: '/limits/service/burst', kind: 'integer' }),
          h(FormSwitch, { path: '/enabled' }),
          h(FormList, { path: '/access/allow', scope: { any: 'Anyone', only: 'Only these', none: 'Nobody' } }),
        ])
    },
  })
  const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/', component: Form }] })
  await router.push('/')
  const page = mount(RouterView, { global: { plugins: [i18n, router] } })
  await flushPromises()
  return { page, held, field: (id: string) => page.find(`#${id}`) }
}

describe('a form', () => {
  it('shows the default as a hint, and says nothing of it in the document', async () => {
    const { held, field } = await open({ name: 'a' })
    expect(field('f-upstream-timeouts-connect').attributes('placeholder')).toBe('2s')
    expect(held.draft.value).toEqual({ name: 'a' })
    expect(held.dirty.value).toBe(false)
  })

  it('writes what is typed, and nothing where it is emptied again', async () => {
    const { held, field } = await open({ name: 'a' })
    await field('f-upstream-timeouts-connect').setValue('500ms')
    await field('f-limits-service-burst').setValue('20')
    expect(held.draft.value).toEqual({ name: 'a', upstream: { timeouts: { connect: '500ms' } }, limits: { service: { burst: 20 } } })
    await field('f-upstream-timeouts-connect').setValue('')
    await field('f-limits-service-burst').setValue('')
    expect(held.draft.value).toEqual({ name: 'a' })
    expect(held.dirty.value).toBe(false)
  })

  it('keeps what is no value out of the document, says so beside it, and does not count as saved', async () => {
    const { held, field, page } = await open({ name: 'a', upstream: { timeouts: { connect: '2s' } } })
    await field('f-upstream-timeouts-connect').setValue('soon')
    expect(held.draft.value).toEqual({ name: 'a', upstream: { timeouts: { connect: '2s' } } })
    expect(held.flawed.value).toBe(true)
    expect(held.dirty.value).toBe(true)
    expect(page.text()).toContain(en.errors.bad_duration)
    await field('f-upstream-timeouts-connect').setValue('3s')
    expect(held.flawed.value).toBe(false)
    expect(page.text()).not.toContain(en.errors.bad_duration)
  })

  it('puts what the server refused beside its field and into the summary, until the field is changed', async () => {
    const { held, field, page } = await open({ name: 'a' })
    const told = held.refuse(new Problem({ status: 422, code: 'invalid', errors: [{ field: '/title', code: 'too_long', params: { max: 200 }, message: '' }] }))
    await nextTick()
    expect(told).toBe(true)
    expect(page.find('#f-title-note').text()).toBe('At most 200 characters.')
    expect(page.find('[role=alert]').text()).toContain('Title')
    await field('f-title').setValue('shorter')
    expect(page.find('[role=alert]').exists()).toBe(false)
  })

  it('keeps "anyone" and "nobody" apart', async () => {
    const { held, page } = await open({ name: 'a', access: { deny: ['192.0.2.1'] } })
    await page.findAll('input[type=radio]')[1]?.setValue(true)
    await flushPromises()
    expect(held.draft.value.access).toEqual({ deny: ['192.0.2.1'], allow: [] })
    expect(page.text()).toContain('Nobody')
    await page.findAll('input[type=radio]')[0]?.setValue(true)
    await flushPromises()
    expect(held.draft.value.access).toEqual({ deny: ['192.0.2.1'] })
  })

  it('stores a switch only where it is not the default', async () => {
    const { held, field } = await open({ name: 'a' })
    await field('f-enabled').setValue(false)
    expect(held.draft.value).toEqual({ name: 'a', enabled: false })
    await field('f-enabled').setValue(true)
    expect(held.draft.value).toEqual({ name: 'a' })
  })
})
