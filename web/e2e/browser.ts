import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'

export interface Look {
  width?: number
  height?: number
  theme?: 'light' | 'dark'
  locale?: 'en' | 'zh'
}

export interface Window {
  page: Page
  /** What the browser complained of: errors, and everything against the content security policy. */
  complaints: string[]
  close(): Promise<void>
}

let browser: Browser | undefined

export async function open(base: string, look: Look = {}): Promise<Window> {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--font-render-hinting=none'] })
  const context = await browser.newContext({
    baseURL: base,
    viewport: { width: look.width ?? 1440, height: look.height ?? 900 },
    colorScheme: look.theme ?? 'light',
    locale: look.locale === 'zh' ? 'zh-CN' : 'en-GB',
    timezoneId: 'Asia/Shanghai',
  })
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const complaints: string[] = []
  // Going elsewhere with something unsaved: the browser's own question is answered with yes.
  page.on('dialog', (dialog) => void dialog.accept())
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
  page.on('console', (message) => {
    // A refused call is part of the tests that make one; the page says it to the user.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(`${page.url()}: ${message.text()}`)
  })
  return { page, complaints, close: () => context.close() }
}

export async function closeBrowser() {
  await browser?.close()
  browser = undefined
}

export async function login(page: Page, password: string, account = 'admin') {
  if (!page.url().includes('/login')) await page.goto('/login')
  await page.fill('#account', account)
  await page.fill('#password', password)
  await page.click('form button[type=submit]')
  await page.waitForURL((url) => !url.pathname.startsWith('/login'))
}

/** shoot takes a picture of the page, and keeps it where YUMEN_SHOTS names a folder. */
export async function shoot(page: Page, name: string) {
  const folder = process.env.YUMEN_SHOTS
  if (folder) mkdirSync(folder, { recursive: true })
  return page.screenshot(folder ? { path: join(folder, `${name}.png`) } : {})
}

/** until asks again and again, and fails with the last answer. */
export async function until<T>(what: string, ask: () => Promise<T>, good: (value: T) => boolean, ms = 10_000): Promise<T> {
  const deadline = Date.now() + ms
  let last: unknown
  for (;;) {
    try {
      const value = await ask()
      if (good(value)) return value
      last = value
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline) throw new Error(`${what}: last seen ${last instanceof Error ? last.message : JSON.stringify(last)}`)
    await new Promise((done) => setTimeout(done, 100))
  }
}
