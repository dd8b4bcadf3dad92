import { enableAutoUnmount, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RouteRecordRaw } from 'vue-router'
import { createI18n } from 'vue-i18n'
import { parse } from 'yaml'
import { expired, me } from '@/composables/session'
import LoginForm from '@/components/LoginForm.vue'
import en from '@/locales/en.json'
import ServiceForm from '@/pages/services/ServiceForm.vue'
import TenantForm from '@/pages/tenants/TenantForm.vue'
import SettingsPage from '@/pages/settings/SettingsPage.vue'
import { flatten } from '@/spec/flatten'
import { copy, set, type Obj } from '@/spec/pointer'
import { protocols } from '@/spec/service'
import { objectOf, serviceOf, type Fill } from './document'
import { json, loggedIn, refusal, serve, settle, visit, type Call } from './page'

// The editor of the YAML, as far as the form can see it.
const editor = vi.hoisted(() => ({ text: '', type: (() => {}) as (text: string) => void, marked: null as unknown }))
vi.mock('@/editor/codemirror', () => ({
  openEditor: (_: unknown, options: { text: string; change: (text: string) => void }) => {
    editor.text = options.text
    editor.type = (text) => {
      editor.text = text
      options.change(text)
    }
    return { text: () => editor.text, set: (text: string) => (editor.text = text), mark: (problem: unknown) => (editor.marked = problem), focused: () => false, destroy: () => {} }
  },
}))

// Where on the screen a list of choices would hang is no matter here, and dear to find out.
vi.mock('@popperjs/core', async (original) => ({ ...(await original<object>()), createPopper: () => ({ destroy() {}, update: async () => {}, forceUpdate() {}, setOptions: async () => {}, state: {} }) }))
vi.spyOn(Intl, 'supportedValuesOf').mockReturnValue(['Asia/Shanghai', 'Europe/Berlin'])

const named = (name: string) => ({ path: '/:rest(.*)*', name, component: { render: () => null } })
const routes: RouteRecordRaw[] = [
  { path: '/services/new', component: ServiceForm },
  { path: '/services/:name/edit', component: ServiceForm, props: true },
  { path: '/tenants/:id/edit', component: TenantForm, props: true },
  { path: '/settings', component: SettingsPage },
  ...['service', 'services', 'tenant', 'tenants'].map((n) => ({ ...named(n), path: `/went/${n}/:name?` })),
]
const meta = (etag: string) => ({ revision: 4, etag, created_at: '', created_by: 'a', updated_at: '2026-01-31T12:00:00Z', updated_by: 'eve' })

/** edit opens the form of a stored object; the plan of a save is what it would send. */
async function edit(path: string, spec: Obj, answer: (call: Call) => Response | undefined = () => undefined) {
  const calls = serve((call) => {
    const own = answer(call)
    if (own) return own
    if (call.path !== path.replace('/edit', '')) return undefined
    if (call.query.get('dry_run')) return json({ changes: [], warnings: [] })
    return json({ ...spec, meta: meta('"1"'), status: {}, effective: {} }, 200, { ETag: '"1"' })
  })
  const { page, router } = await visit(path, routes)
  const sent = () => calls.filter((c) => c.query.get('dry_run')).map((c) => c.body)
  const review = async () => {
    await page.find('form.fields').trigger('submit')
    await settle()
  }
  return { page, router, calls, sent, review, field: (id: string) => page.find(`#${id}`), dirty: () => page.find('[data-test=save]').attributes('disabled') === undefined }
}

beforeEach(loggedIn)
enableAutoUnmount(afterEach)
afterEach(() => {
  vi.unstubAllGlobals()
  document.body.replaceChildren()
})

const cases: [string, string, Obj][] = (['set', 'zero', 'empty'] as Fill[]).flatMap((how) => [
  ...protocols.filter((p) => how === 'set' || p === 'http').map((p) => [`${p}, ${how}`, '/services/orders/edit', { ...serviceOf(p, how), mirror: { percent: 0 } }] as [string, string, Obj]),
  [`tenant, ${how}`, '/tenants/app/edit', { ...objectOf('Tenant', how), app_id: 'app' }] as [string, string, Obj],
  [`settings, ${how}`, '/settings', objectOf('Settings', how)] as [string, string, Obj],
])

describe('a form that is opened and not touched', () => {
  it.each(cases)('has nothing to save, and would send what it read (%s)', async (_, path, spec) => {
    const { dirty, review, sent } = await edit(path, spec)
    expect(dirty()).toBe(false)
    // Everything is shown, so that every field had its chance to write.
    for (const closed of document.querySelectorAll<HTMLElement>('.section h2 button[aria-expanded=false]')) closed.click()
    await settle()
    expect(dirty()).toBe(false)
    await review()
    expect(sent()).toEqual([spec])
    expect(parse(editor.text)).toEqual(spec)
  })
})

describe('what the server refuses', () => {
  // What is said of an entry of a list is said beside the list.
  it.each(['http', 'tcp'] as const)('is said beside the field that holds it, for every field (%s)', async (protocol) => {
    const spec = serviceOf(protocol, 'set')
    const fields = flatten(spec, spec).flatMap((row) => (Array.isArray(row.value) ? [`${row.pointer}/0`] : [row.pointer])).filter((p) => p !== '/protocol')
    expect(fields.length).toBeGreaterThan(25)
    const unsaid: string[] = []
    for (const batch of [fields.filter((_, i) => i % 2), fields.filter((_, i) => i % 2 === 0)]) {
      const errors = batch.map((field, i) => ({ field, code: 'never_heard_of', message: `wrong no. ${i}.` }))
      const { page, review } = await edit('/services/orders/edit', spec, (call) => (call.query.get('dry_run') ? refusal(422, 'invalid', { errors }) : undefined))
      await review()
      const beside = page.findAll('.section .bad').map((p) => p.text())
      unsaid.push(...errors.filter((e) => !beside.includes(e.message)).map((e) => e.field))
      expect(page.findAll('.note.red li').length).toBe(errors.length)
      page.unmount()
    }
    expect(unsaid).toEqual([])
  })

  it('opens the section of its first field and goes there', async () => {
    const { page, review } = await edit('/services/orders/edit', serviceOf('http', 'set'), (call) =>
      call.query.get('dry_run') ? refusal(422, 'invalid', { errors: [{ field: '/upstream/targets/1/weight', code: 'out_of_range', params: { min: 0, max: 1000 }, message: '' }] }) : undefined,
    )
    await review()
    expect(page.text()).toContain('Target 2 · Weight')
    const bare = await edit('/services/orders/edit', { name: 'orders', protocol: 'http' }, (call) =>
      call.query.get('dry_run') ? refusal(422, 'invalid', { errors: [{ field: '/limits/service/rate', code: 'required', message: '' }] }) : undefined,
    )
    expect(bare.field('f-limits-service-rate').exists()).toBe(false)
    await bare.review()
    expect(document.activeElement?.id).toBe('f-limits-service-rate')
  })

  it('as a taken port without a field is still said beside the port', async () => {
    const { field, review } = await edit('/services/orders/edit', serviceOf('tcp', 'set'), (call) => (call.query.get('dry_run') ? refusal(409, 'port_taken', { params: { port: 8007, other: 'db' } }) : undefined))
    await review()
    expect(field('f-listen-port-note').text()).toBe('Port 8007 is taken: db.')
  })

  it('without any field is said once for all', async () => {
    const { page, review } = await edit('/settings', {}, (call) => (call.query.get('dry_run') ? refusal(503, 'unavailable') : undefined))
    await review()
    expect(page.findAll('[role=alert]').map((a) => a.text())).toEqual(['The database or Redis does not answer.'])
  })
})

describe('a form and its YAML', () => {
  it('follow each other', async () => {
    const { field, sent, review } = await edit('/services/orders/edit', serviceOf('http', 'set'))
    await field('f-title').setValue('New')
    await settle()
    expect(parse(editor.text)).toMatchObject({ title: 'New' })
    editor.type(editor.text.replace('New', 'Newer').replace('rate: 0.5', 'rate: 0'))
    await settle()
    expect((field('f-title').element as HTMLInputElement).value).toBe('Newer')
    expect((field('f-limits-service-rate').element as HTMLInputElement).value).toBe('0')
    await review()
    const want = serviceOf('http', 'set')
    set(want, '/title', 'Newer')
    set(want, '/limits/service/rate', 0)
    expect(sent()).toEqual([want])
  })

  it('save nothing while the YAML cannot be read', async () => {
    const { page, sent, review } = await edit('/services/orders/edit', serviceOf('http', 'set'))
    const before = editor.text
    editor.type(before + '\nroutes: [')
    await settle()
    await review()
    expect(sent()).toEqual([])
    expect(editor.marked).not.toBeNull()
    expect(page.text()).toContain('The YAML cannot be read yet')
    editor.type(before)
    await settle()
    await review()
    expect(sent()).toEqual([serviceOf('http', 'set')])
  })

  it('do not hold on to a wrong text in a field that the YAML sets right', async () => {
    const { field, sent, review } = await edit('/services/orders/edit', serviceOf('http', 'set'))
    await field('f-upstream-timeouts-connect').setValue('soon')
    editor.type(editor.text.replace(/connect: .*/, 'connect: 3s'))
    await settle()
    expect((field('f-upstream-timeouts-connect').element as HTMLInputElement).value).toBe('3s')
    await review()
    expect(sent()).toHaveLength(1)
  })
})

describe('a field that is gone', () => {
  it('keeps nobody from saving with what was typed wrongly into it', async () => {
    const { page, field, sent, review } = await edit('/services/orders/edit', { ...serviceOf('http', 'set'), upstream: { targets: [{ address: 'a:1', weight: 1 }, { address: 'b:1', weight: 2 }] } })
    await field('f-upstream-targets-1-weight').setValue('much')
    await page.findAll('[aria-label="Remove target 2"]')[0]?.trigger('click')
    await settle()
    await review()
    expect(sent()).toMatchObject([{ upstream: { targets: [{ address: 'a:1', weight: 1 }] } }])
  })

  it('with its protocol takes its wrong text along', async () => {
    const { page, field, sent, review } = await edit('/services/orders/edit', serviceOf('http', 'set'))
    await field('f-upstream-pool-idle').setValue('soon')
    await page.find('[data-test=protocol-tcp]').trigger('click')
    await settle()
    await review()
    expect(sent()).toMatchObject([{ protocol: 'tcp' }])
  })
})

describe('a session that ends while somebody writes', () => {
  it('is gone on with after the password, and nothing typed is lost', async () => {
    let here = true
    const { field, sent, review, router } = await edit('/services/orders/edit', serviceOf('http', 'set'), (call) => {
      if (call.path === '/login') here = (call.body as { password: string }).password === 'right'
      if (!here) return refusal(401, call.path === '/login' ? 'bad_credentials' : 'unauthenticated')
      return call.path === '/login' ? json(me.value) : undefined
    })
    await field('f-title').setValue('typed before')
    here = false
    await review()
    expect(expired.value).toBe(true)
    const login = mount(LoginForm, { props: { account: 'admin' }, global: { plugins: [createI18n({ legacy: false, locale: 'en', messages: { en } })] } })
    for (const password of ['wrong', 'right']) {
      expect(here).toBe(false)
      await login.find('[name=password]').setValue(password)
      await login.find('form').trigger('submit')
      await settle()
      if (password === 'wrong') expect(login.find('[role=alert]').text()).toBe(en.errors.bad_credentials)
    }
    expect(expired.value).toBe(false)
    expect(router.currentRoute.value.path).toBe('/services/orders/edit')
    const want = { ...serviceOf('http', 'set'), title: 'typed before' }
    expect(sent()).toEqual([want, want])
  })
})

describe('two people at one form', () => {
  const mine = { name: 'orders', protocol: 'http', title: 'mine' }
  const theirs = { name: 'orders', protocol: 'http', title: 'theirs', tags: ['new'] }
  const open = async () => {
    let stored = { spec: copy(mine) as Obj, etag: '"1"' }
    const opened = await edit('/services/orders/edit', mine, (call) => {
      if (call.path !== '/services/orders') return undefined
      if (call.method === 'GET') return json({ ...stored.spec, meta: meta(stored.etag), status: {} }, 200, { ETag: stored.etag })
      return call.headers.get('If-Match') === stored.etag ? undefined : refusal(412, 'precondition_failed')
    })
    stored = { spec: copy(theirs) as Obj, etag: '"2"' }
    await opened.field('f-title').setValue('mine again')
    await opened.review()
    const click = async (text: string) => {
      await opened.page.findAll('.note.amber button').find((b) => b.text() === text)?.trigger('click')
      await settle()
    }
    return { ...opened, click }
  }

  it('are told of each other, and nothing typed is lost', async () => {
    const { page, field } = await open()
    expect(page.find('.note.amber').text()).toContain('eve')
    expect((field('f-title').element as HTMLInputElement).value).toBe('mine again')
  })

  it('may keep their own, against the newest version', async () => {
    const { click, calls } = await open()
    await click('Keep mine, show what would change')
    expect(calls.at(-1)).toMatchObject({ method: 'PUT', body: { title: 'mine again' } })
    expect(calls.at(-1)?.headers.get('If-Match')).toBe('"2"')
  })

  it('may take what the other wrote', async () => {
    const { click, field, dirty } = await open()
    await click('Take theirs, drop mine')
    expect((field('f-title').element as HTMLInputElement).value).toBe('theirs')
    expect(dirty()).toBe(false)
  })
})
