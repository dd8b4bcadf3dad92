import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { callGRPC, grpcBackend, httpBackend, sayTCP, tcpBackend, type Backend } from './backends.ts'
import { closeBrowser, login, open, shoot, until, type Window } from './browser.ts'
import { install, type Installation } from './installation.ts'

let here: Installation
let tab: Window
let page: Page
const backends: Backend[] = []
const chosen = 'a password of my own'

async function backend(made: Promise<Backend>): Promise<string> {
  const b = await made
  backends.push(b)
  return b.address
}
const get = (path: string, headers: Record<string, string> = {}) => fetch(`http://${here.gateway}${path}`, { headers: { ...headers, Connection: 'close' } })
const number = async (test: string) => Number((await page.locator(`[data-test="${test}"]`).innerText()).replace(/[^\d.]/g, ''))

/** unfold opens a section of a form that is not open. */
async function unfold(title: string) {
  const head = page.locator('.section h2 button', { hasText: title })
  if ((await head.getAttribute('aria-expanded')) === 'false') await head.click()
}

/** save reviews, releases, and waits until the console says that every proxy runs it. */
async function save(title: string) {
  for (const old of await page.locator('.saves .close').all()) await old.click()
  await page.click('[data-test=save]')
  await page.click('[data-test=release-now]')
  await page.locator('.save.live', { hasText: title }).waitFor()
}

before(async () => {
  here = await install('--no-demo')
  tab = await open(here.console)
  page = tab.page
})
after(async () => {
  await closeBrowser()
  for (const b of backends) b.close()
  await here?.stop()
})

test('a wrong password is refused in words and the right one lets in', async () => {
  await page.goto('/services?q=x')
  await page.fill('#account', 'admin')
  await page.fill('#password', 'not the password')
  await page.click('form button[type=submit]')
  await page.getByText('Account or password is wrong.').waitFor()
  assert.ok(!(await page.content()).includes(here.password), 'the page shows the password')
  await login(page, here.password)
  assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, '/services?q=x', 'back to where one wanted to go')
})

test('the first load is at most 150 KB', async () => {
  const fresh = await open(here.console)
  const sizes: Promise<{ responseBodySize: number }>[] = []
  fresh.page.on('requestfinished', (request) => {
    if (/\.(js|css)$/.test(new URL(request.url()).pathname)) sizes.push(request.sizes())
  })
  await fresh.page.goto('/login')
  await fresh.page.waitForSelector('#password')
  await fresh.page.waitForLoadState('networkidle')
  const bytes = (await Promise.all(sizes)).reduce((n, s) => n + s.responseBodySize, 0)
  console.log(`# first load: ${Math.round(bytes / 1024)} KB`)
  assert.ok(bytes > 10_000 && bytes <= 150 * 1024, `${bytes} bytes`)
  await fresh.close()
})

test('the password is changed, and the old one is dead', async () => {
  await page.goto('/')
  await page.click('.banner a')
  await page.fill('#current', here.password)
  await page.fill('#next', 'short')
  assert.ok(await page.locator('form button[type=submit]').isDisabled(), 'a short password can be sent')
  await page.fill('#next', chosen)
  await page.fill('#again', chosen)
  await page.click('form button[type=submit]')
  await page.waitForURL((url) => url.pathname === '/')
  const other = await open(here.console)
  await other.page.goto('/login')
  await other.page.fill('#account', 'admin')
  await other.page.fill('#password', here.password)
  await other.page.click('form button[type=submit]')
  await other.page.getByText('Account or password is wrong.').waitFor()
  await login(other.page, chosen)
  await other.close()
})

test('who must change the password gets nowhere else', async () => {
  const other = await open(here.console)
  await other.page.route('**/api/v1/me', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, json: { ...(await response.json()), must_change_password: true } })
  })
  await login(other.page, chosen)
  for (const path of ['/', '/services', '/settings']) {
    await other.page.goto(path)
    await other.page.getByText('Choose a password of your own').waitFor()
    assert.equal(new URL(other.page.url()).pathname, '/password')
  }
  await other.close()
})

test('an empty installation leads to its first request', async () => {
  await page.goto('/')
  await page.getByRole('heading', { name: 'First steps' }).waitFor()
  await shoot(page, 'first-steps')
  await page.locator('ol').getByRole('button', { name: 'HTTP' }).click()
  await page.waitForURL(/\/services\/new\?protocol=http/)
})

test('an HTTP service carries traffic, its count rises by itself, and a change is live', async () => {
  await page.fill('#f-name', 'orders')
  await page.fill('[data-test=path-0]', '/orders')
  await page.fill('#f-upstream-targets-0-address', await backend(httpBackend('first')))
  await save('orders')
  await page.waitForURL((url) => url.pathname === '/services/orders')
  assert.equal(((await (await get('/orders/1')).json()) as { name: string }).name, 'first')

  const before = await number('now-today')
  for (let i = 0; i < 20; i++) await get('/orders/1')
  await until('the count of today', () => number('now-today'), (n) => n >= before + 20)
  await page.locator('[data-test=state]', { hasText: 'Healthy' }).waitFor()

  await page.click('[data-test=edit]')
  await page.fill('#f-upstream-targets-0-address', await backend(httpBackend('second')))
  await unfold('Rewrite and headers')
  await page.locator('.el-switch:has(#f-rewrite-strip_prefix)').click()
  await save('orders')
  const answer = (await (await get('/orders/1')).json()) as { name: string; path: string }
  assert.deepEqual([answer.name, answer.path], ['second', '/1'])
})

test('a TCP service carries traffic, its count rises, and a change is live', async () => {
  await page.goto('/services/new?protocol=tcp')
  await page.fill('#f-name', 'lines')
  await page.fill('#f-listen-port', String(here.port + 1))
  await page.fill('#f-upstream-targets-0-address', await backend(tcpBackend('first')))
  await save('lines')
  assert.equal(await sayTCP(here.port + 1, 'hello'), 'first hello')
  await until('the count of today', () => number('now-today'), (n) => n >= 1)
  await page.click('[data-test=edit]')
  await page.fill('#f-upstream-targets-0-address', await backend(tcpBackend('second')))
  await save('lines')
  assert.equal(await sayTCP(here.port + 1, 'hello'), 'second hello')
})

test('a gRPC service carries traffic, its count rises, and a change is live', async () => {
  await page.goto('/services/new')
  await page.click('[data-test=protocol-grpc]')
  await page.fill('#f-name', 'calls')
  await page.fill('#f-listen-port', String(here.port + 2))
  await page.fill('#f-upstream-targets-0-address', await backend(grpcBackend('first')))
  await save('calls')
  assert.deepEqual(await callGRPC(here.port + 2), { message: 'first', status: '0' })
  await until('the count of today', () => number('now-today'), (n) => n >= 1)
  await page.click('[data-test=edit]')
  await page.fill('#f-listen-port', String(here.port + 3))
  await save('calls')
  assert.deepEqual(await callGRPC(here.port + 3), { message: 'first', status: '0' })
  await assert.rejects(callGRPC(here.port + 2), 'the old port still answers')
})

test('a port that is taken is said beside its field, with whose it is', async () => {
  await page.goto('/services/new?protocol=tcp')
  await page.fill('#f-name', 'again')
  await page.fill('#f-listen-port', String(here.port + 1))
  await page.fill('#f-upstream-targets-0-address', '127.0.0.1:1')
  await page.click('[data-test=save]')
  await page.locator('#f-listen-port-note', { hasText: 'lines' }).waitFor()
  await page.locator('.note.red').getByRole('button', { name: 'Port' }).click()
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'f-listen-port')
})

test('YAML typed beside the form goes into it, and nothing is lost that the form has no field open for', async () => {
  await page.goto('/services/orders/edit')
  const editor = page.locator('[data-test=yaml] .cm-content')
  await editor.waitFor()
  await editor.click()
  await page.keyboard.press('Control+End')
  await page.keyboard.insertText('limits:\n  client_ip:\n    rate: 50\n')
  await until('the field of the limit', () => page.inputValue('#f-limits-client_ip-rate').catch(() => ''), (v) => v === '50')
  await unfold('Title, description, tags')
  await page.fill('#f-title', 'Orders <img src=x onerror="window.broken=1">')
  await until('the YAML of the title', () => editor.innerText(), (text) => text.includes('title: Orders <img'))
  await save('orders')
  const stored = await page.evaluate(async () => (await fetch('/api/v1/services/orders')).json())
  assert.deepEqual(stored.limits, { client_ip: { rate: 50 } })
  assert.deepEqual(stored.rewrite, { strip_prefix: true })
})

test('a service titled with markup shows as text', async () => {
  for (const path of ['/services/orders', '/services', '/releases', '/']) {
    await page.goto(path)
    await page.waitForTimeout(300)
    assert.equal(await page.evaluate(() => (globalThis as { broken?: number }).broken), undefined, path)
  }
  await page.goto('/services')
  await page.getByText('Orders <img src=x onerror').waitFor()
})

test('loading a form and undoing what was typed leaves nothing to save', async () => {
  for (const name of ['orders', 'lines', 'calls']) {
    await page.goto(`/services/${name}/edit`)
    await page.waitForSelector('#f-name')
    const button = page.locator('[data-test=save]')
    assert.ok(await button.isDisabled(), `${name}: something to save after loading`)
    const address = await page.inputValue('#f-upstream-targets-0-address')
    await page.fill('#f-upstream-targets-0-address', '127.0.0.1:9')
    assert.ok(await button.isEnabled())
    await page.fill('#f-upstream-targets-0-address', address)
    assert.ok(await button.isDisabled(), `${name}: something to save after undoing`)
  }
})

test('saving every form as it was loaded stores an equal object', async () => {
  for (const name of ['orders', 'lines', 'calls']) {
    const read = () => page.evaluate(async (n) => {
      const { meta, status, ...spec } = await (await fetch(`/api/v1/services/${n}`)).json()
      return { spec, etag: meta.etag, state: status.state }
    }, name)
    await page.goto(`/services/${name}/edit`)
    await page.waitForSelector('#f-name')
    const before = await read()
    // The button sleeps while nothing changed; Enter in a field saves all the same.
    const sent = await page.evaluate(
      () =>
        new Promise<string>((done) => {
          const plain = window.fetch
          window.fetch = async (...call) => {
            window.fetch = plain
            done(await (call[0] as Request).clone().text())
            return plain(...call)
          }
          document.querySelector('form.fields')?.dispatchEvent(new Event('submit', { cancelable: true }))
        }),
    )
    assert.deepEqual(JSON.parse(sent), before.spec)
    await page.getByText('Nothing differs.').waitFor()
    assert.equal((await read()).etag, before.etag)
  }
})

test('leaving a form that was changed asks first', async () => {
  await page.goto('/services/orders/edit')
  await unfold('Title, description, tags')
  await page.fill('#f-title', 'half done')
  await page.getByRole('link', { name: 'Tenants' }).click()
  await page.getByText('Leave without saving?').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).last().click()
  assert.equal(await page.inputValue('#f-title'), 'half done')
})

test('a session that ended asks for the password in place, and nothing typed is lost', async () => {
  await page.context().clearCookies()
  await page.click('[data-test=save]')
  await page.getByText('Your session has ended').waitFor()
  await page.locator('.el-dialog #password').fill(chosen)
  await page.locator('.el-dialog button[type=submit]', { hasText: 'Log in' }).click()
  await page.locator('[data-test=release-now]').waitFor()
  await page.getByText('half done').last().waitFor()
  await page.click('[data-test=release-now]')
  await page.locator('.save.live').waitFor()
})

test('what somebody else changed meanwhile is not overwritten unseen', async () => {
  await page.goto('/services/orders/edit')
  await unfold('Title, description, tags')
  await page.fill('#f-title', 'mine')
  await page.evaluate(async () => {
    const now = await (await fetch('/api/v1/services/orders')).json()
    await fetch('/api/v1/services/orders', { method: 'PATCH', headers: { 'Content-Type': 'application/json', 'If-Match': now.meta.etag }, body: JSON.stringify({ description: 'theirs' }) })
  })
  await page.click('[data-test=save]')
  await page.getByText('while you were editing').waitFor()
  await page.getByRole('button', { name: 'Keep mine' }).click()
  // What would change now includes taking theirs back: it is seen before it is done.
  await page.locator('.el-dialog').getByText('theirs').waitFor()
  await page.getByRole('button', { name: 'Back' }).click()
  await page.getByRole('button', { name: 'Cancel' }).first().click()
  await page.getByRole('button', { name: 'Leave' }).click()
})

test('a target is drained in place and undone', async () => {
  await page.goto('/services/orders')
  await page.getByRole('button', { name: /Change the state of/ }).click()
  await page.getByRole('menuitem', { name: /Drain/ }).click()
  const saved = page.locator('.save.live', { hasText: 'Target' })
  await saved.waitFor()
  assert.equal((await get('/orders/1')).status, 503)
  await saved.getByRole('button', { name: 'Undo' }).click()
  await until('traffic after the undo', async () => (await get('/orders/1')).status, (s) => s === 200)
})

test("a tenant's secret is shown once, and its token opens a service that asks for one", async () => {
  await page.goto('/tenants/new')
  await page.fill('#f-app_id', 'acme')
  await page.fill('#f-limits-qpd', '1000')
  await page.click('[data-test=save]')
  await page.click('[data-test=release-now]')
  const secret = (await page.locator('[data-test=secret] pre').innerText()).trim()
  assert.ok(secret.length >= 40)
  await page.click('[data-test=secret-kept]')
  await page.waitForURL(/\/tenants\/acme/)
  await page.getByRole('heading', { name: 'Secrets' }).waitFor()
  assert.ok(!(await page.content()).includes(secret), 'the secret can be read again')

  await page.goto('/services/orders/edit')
  await unfold('Access')
  await page.locator('.el-select:has(#f-access-auth)').click()
  await page.getByRole('option', { name: 'App token (JWT)' }).click()
  await save('orders')
  assert.equal((await get('/orders/1')).status, 401)
  const token = await fetch(`http://${here.gateway}/oauth/tokens`, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`acme:${secret}`).toString('base64')}`, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  })
  const { access_token } = (await token.json()) as { access_token: string }
  for (let i = 0; i < 5; i++) assert.equal((await get('/orders/1', { Authorization: `Bearer ${access_token}` })).status, 200)
  await page.goto('/tenants/acme')
  await until('the use of today', () => page.locator('.meter', { hasText: '/ 1,000' }).innerText(), (text) => Number(text.split('/')[0]) >= 5)
})

test('a blacklisted address is shut out within two seconds and let in again', async () => {
  await page.goto('/blacklist')
  await page.click('[data-test=add-rule]')
  await page.fill('#rule-cidr', '127.0.0.0/8')
  await page.fill('#rule-reason', 'end to end')
  await page.click('[data-test=save-rule]')
  const saved = page.locator('.save.live', { hasText: 'shut out' })
  await saved.waitFor()
  await until('a refusal', async () => (await get('/orders/1').then((r) => r.status, () => 0)), (s) => s === 403 || s === 0, 2000)
  await saved.getByRole('button', { name: 'Undo' }).click()
  await until('traffic again', async () => (await get('/orders/1').then((r) => r.status, () => 0)), (s) => s === 401)
})

test('Ctrl-K finds a service by keyboard alone', async () => {
  await page.goto('/nodes')
  await page.waitForSelector('h1')
  await page.keyboard.press('Control+k')
  await page.locator('[role=combobox][aria-controls=hits]').waitFor()
  await page.waitForTimeout(100)
  await page.keyboard.type('line')
  await page.locator('[role=option]', { hasText: 'lines' }).waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/services\/lines/)
})

test('services are chosen and disabled together, and one is deleted after its name was typed', async () => {
  await page.goto('/services')
  await page.locator('tr', { hasText: 'lines' }).locator('.el-checkbox').click()
  await page.locator('tr', { hasText: 'calls' }).locator('.el-checkbox').click()
  await page.getByRole('button', { name: 'Disable', exact: true }).click()
  await page.locator('.save.live', { hasText: '2 disabled' }).waitFor()
  await assert.rejects(sayTCP(here.port + 1, 'hello'))
  await page.goto('/services/lines')
  await page.getByRole('button', { name: 'Delete' }).click()
  const confirm = page.locator('.el-dialog').getByRole('button', { name: 'Delete' })
  assert.ok(await confirm.isDisabled(), 'traffic in the last hour, and no name to type')
  await page.locator('.el-dialog input').fill('lines')
  await confirm.click()
  await page.waitForURL(/\/services$/)
})

test('the API page tries a call', async () => {
  await page.goto('/operations?open=readMeta')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('200 OK').waitFor()
})

test('no page breaks the content security policy, logs an error or fails the accessibility check', async () => {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8')
  const paths = ['/', '/services', '/services/new', '/services/orders', '/services/orders?tab=traffic', '/services/orders?tab=configuration', '/services/orders?tab=history', '/services/orders/edit', '/tenants', '/tenants/acme', '/tenants/new', '/blacklist', '/nodes', '/releases', '/releases/2', '/audit', '/settings', '/operations', '/nowhere']
  const found: string[] = []
  for (const look of [{ theme: 'light', locale: 'en' }, { theme: 'dark', locale: 'zh' }, { theme: 'light', locale: 'zh', width: 390, height: 844 }, { theme: 'dark', locale: 'en', width: 390, height: 844 }] as const) {
    const other = await open(here.console, look)
    await login(other.page, chosen)
    for (const path of paths) {
      await other.page.goto(path)
      await other.page.waitForSelector('main h1, main .empty')
      await other.page.waitForTimeout(400)
      const name = `${path.replace(/\W+/g, '-').replace(/^-|-$/g, '') || 'overview'}-${look.theme}-${look.locale}-${'width' in look ? look.width : 1440}`
      await shoot(other.page, name)
      const wide = await other.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      if (wide > 1) found.push(`${name}: ${wide} px wider than the window`)
      await other.page.evaluate(axe)
      const result = await other.page.evaluate(async () => {
        const { axe } = globalThis as unknown as { axe: { run(context: Document, options: object): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } }
        return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations'] })
      })
      for (const v of result.violations) found.push(`${name}: ${v.id}: ${v.nodes.slice(0, 2).map((n) => n.html.slice(0, 200) + ' ' + n.failureSummary.replace(/\s+/g, ' ')).join(' | ')}`)
    }
    found.push(...other.complaints)
    await other.close()
  }
  assert.deepEqual(found, [])
  assert.deepEqual(tab.complaints, [])
})

test('the picture of the README is taken of real traffic', async () => {
  const target = await backend(httpBackend('shop'))
  const make = (path: string, body: object) =>
    page.evaluate(async ([p, b]) => (await fetch(`/api/v1${p}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(b) })).status, [path, body] as const)
  for (const name of ['shop', 'search', 'media']) assert.equal(await make('/services', { name, protocol: 'http', routes: [{ path: { prefix: `/${name}` } }], upstream: { targets: [{ address: target }] } }), 201)
  assert.equal(await make('/services', { name: 'db', protocol: 'tcp', listen: { port: here.port + 5 }, upstream: { targets: [{ address: await backend(tcpBackend('db')) }] } }), 201)
  await until('the port of db', () => sayTCP(here.port + 5, 'hello'), (said) => said === 'db hello')
  const held = Array.from({ length: 7 }, () => connect(here.port + 5, '127.0.0.1').on('error', () => {}))
  const until_ = Date.now() + 1000 * Number(process.env.YUMEN_SHOT_SECONDS ?? 3)
  for (let n = 0; Date.now() < until_; n++) {
    const path = n % 97 === 0 ? '/shop/status/502' : n % 23 === 0 ? '/search/status/404' : n % 5 === 0 ? '/media/1' : n % 3 === 0 ? '/search/1' : '/shop/1'
    await Promise.all([get(path), get('/shop/2')])
    await new Promise((done) => setTimeout(done, 60 + 25 * Math.sin(Date.now() / 70_000)))
  }
  await page.goto('/?range=15m')
  await page.locator('[data-test=metric-rps]').waitFor()
  await page.waitForTimeout(1500)
  const picture = await shoot(page, 'screenshot')
  for (const socket of held) socket.destroy()
  assert.ok(picture.length > 20_000, 'an empty page compresses to less')
})

test('the numbers go on when the stream is cut off, and say so', async () => {
  const other = await open(here.console)
  await other.page.route('**/api/v1/live*', (route) => route.abort())
  await login(other.page, chosen)
  await other.page.getByText('Live stream lost, polling').waitFor()
  const today = async () => Number((await other.page.locator('[data-test=today]').innerText()).replace(/\D/g, ''))
  const before = await today()
  for (let i = 0; i < 10; i++) await get('/shop/3')
  await until('the requests of today', today, (n) => n >= before + 10, 15_000)
  await other.close()
})

test('a console whose server is gone stands, and says how old its numbers are', async () => {
  await page.goto('/')
  await page.locator('[data-test=metric-rps]').waitFor()
  await here.stop()
  await page.locator('.stale', { hasText: /Numbers are \d+s old/ }).waitFor({ timeout: 30_000 })
  assert.ok(await page.locator('[data-test=metric-rps] .value').isVisible())
  await page.getByRole('link', { name: 'Tenants' }).first().click()
  await page.getByText('That page could not be loaded').waitFor()
  assert.ok(await page.locator('[data-test=metric-rps] .value').isVisible())
})
