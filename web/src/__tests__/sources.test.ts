// @vitest-environment node
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, type SFCTemplateBlock } from 'vue/compiler-sfc'
import en from '@/locales/en.json'

type Words = { [key: string]: string | Words }
const leaves = (words: Words, path = ''): [string, string][] =>
  Object.entries(words).flatMap(([k, v]) => (typeof v === 'string' ? [[path + k, v] as [string, string]] : leaves(v, `${path}${k}.`)))
const texts = new Map(leaves(en))

const root = join(__dirname, '..')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((f) => /\.(vue|ts)$/.test(f) && !f.includes('__tests__') && !f.endsWith('.d.ts'))
  .map((f) => [f, readFileSync(join(root, f), 'utf8')] as const)

interface Attribute {
  element: string
  name: string
  value: string
  bound: boolean
}
// What the templates hold: the attributes, the plain texts and the expressions.
const attributes: (Attribute & { file: string })[] = []
const plain: { file: string; text: string }[] = []
const expressions: { file: string; text: string }[] = []
type Node = NonNullable<SFCTemplateBlock['ast']>['children'][number]
// The kinds of nodes of @vue/compiler-core: element, text, interpolation; attribute, directive.
function walk(file: string, node: Node) {
  if (node.type === 2) plain.push({ file, text: node.content.trim() })
  if (node.type === 5) expressions.push({ file, text: node.content.loc.source })
  if (node.type !== 1) return
  for (const p of node.props) {
    if (p.type === 6) attributes.push({ file, element: node.tag, name: p.name, value: p.value?.content ?? '', bound: false })
    else {
      const value = p.exp?.loc.source ?? ''
      attributes.push({ file, element: node.tag, name: p.name === 'bind' ? (p.arg?.loc.source ?? '*') : `v-${p.name}`, value, bound: true })
    }
  }
  for (const child of node.children) walk(file, child)
}
for (const [file, text] of sources) if (file.endsWith('.vue')) for (const node of parse(text).descriptor.template?.ast?.children ?? []) walk(file, node)

const where = (found: { file: string }[], show: (x: never) => string) => found.map((x) => `${x.file}: ${show(x as never)}`)

describe('what the content security policy forbids', () => {
  it('is in no template: no HTML from text, no inline style, no inline handler', () => {
    expect(attributes.length).toBeGreaterThan(1000)
    const forbidden = attributes.filter((a) => a.name === 'v-html' || (!a.bound && (a.name === 'style' || (/^on[a-z]/.test(a.name) && a.name !== 'only'))) || (/^(href|src|action|to)$/.test(a.name) && /javascript:|^data:/.test(a.value)))
    expect(where(forbidden, (a: Attribute) => a.name)).toEqual([])
  })

  it('is in no script: nothing is evaluated, written as HTML, or given as a style text', () => {
    const dangers = /\beval\s*\(|new Function\b|\binnerHTML\b|\bouterHTML\b|insertAdjacentHTML|document\.write|\bcssText\b|setAttribute\(\s*['"](?:style|on\w+)|createElement\(\s*['"](?:style|script)|setTimeout\(\s*['"`]|\bsrcdoc\b/
    expect(sources.filter(([, text]) => dangers.test(text)).map(([file]) => file)).toEqual([])
  })

  it('is not on the page that everything begins with', () => {
    const html = readFileSync(join(root, '..', 'index.html'), 'utf8')
    const scripts = [...html.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)]
    expect(scripts.length).toBeGreaterThan(0)
    for (const [, attrs = '', body = ''] of scripts) {
      expect(body.trim()).toBe('')
      const src = /src="\/([^"]+)"/.exec(attrs)?.[1] ?? ''
      expect([join(root, '..', src), join(root, '..', 'public', src)].some(existsSync), src).toBe(true)
    }
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|https?:\/\//)
  })

  it('is fetched from nobody else', () => {
    const styles = ['base.css', 'theme.css'].map((f) => [f, readFileSync(join(root, f), 'utf8')] as const)
    // Addresses of this gateway, shown to people, are no fetches.
    const others = [...sources, ...styles].filter(([, text]) => /@import\s+url|url\(\s*['"]?(?:https?:|\/\/|data:(?!image))|(?:src|href)=["']https?:|import\(?\s*['"]https?:|fetch\(\s*['"`]https?:/.test(text))
    expect(others.map(([file]) => file)).toEqual([])
  })
})

describe('texts', () => {
  // Marks and names that are the same in every language.
  const marks = /^[\s·→/–×+~−*,()#:%…|≤≥.-]*$/
  // The languages by their own names are on the button that changes them.
  const same = ['Ctrl K', 'openapi.json', '中', 'En']
  const shown = ['title', 'label', 'placeholder', 'alt', 'aria-label', 'aria-description', 'content', 'empty-text', 'no-data-text', 'unit', 'help']

  it('are in no template, but for marks', () => {
    expect(plain.length).toBeGreaterThan(20)
    expect(where(plain.filter((p) => !marks.test(p.text) && !same.includes(p.text)), (p: { text: string }) => p.text)).toEqual([])
    expect(where(attributes.filter((a) => !a.bound && shown.includes(a.name) && !marks.test(a.value)), (a: Attribute) => `${a.name}="${a.value}"`)).toEqual([])
  })

  it('are in no expression of a template: a literal that is shown is a mark or the key of a text', () => {
    const literals = (text: string) =>
      [...text.replace(/\bte?\(\s*(?:'[^']*'|`[^`]*`)/g, 't(').matchAll(/'([^']*)'|`([^`]*)`/g)].map((m) => (m[1] ?? m[2] ?? '').replace(/\$\{[^}]*\}/g, '')).filter((s) => /[A-Za-z]{2,} [A-Za-z]|[A-Z][a-z]+|[\u3400-\u9fff]/.test(s) && !same.includes(s))
    const all = [...expressions, ...attributes.filter((a) => a.bound && shown.includes(a.name)).map((a) => ({ file: a.file, text: a.value }))]
    expect(all.length).toBeGreaterThan(300)
    expect(all.flatMap((e) => literals(e.text).map((text) => `${e.file}: ${text}`))).toEqual([])
  })

  it('in Chinese are in the locales alone', () => {
    expect(sources.filter(([file, text]) => file !== 'i18n.ts' && /[\u3400-\u9fff]/.test(same.reduce((rest, word) => rest.replaceAll(`'${word}'`, ''), text))).map(([file]) => file)).toEqual([])
  })

  it('made of a group and a word have their group', () => {
    const groups = sources.flatMap(([file, text]) => [...text.matchAll(/\bte?\(`([A-Za-z][\w.]*)\.\$\{/g)].map((m) => `${file}: ${m[1]}`))
    expect(groups.length).toBeGreaterThan(30)
    expect(groups.filter((g) => ![...texts.keys()].some((k) => k.startsWith(`${g.split(': ')[1]}.`)))).toEqual([])
  })

  it('that name a value are given it wherever they are asked for', () => {
    const lacking: string[] = []
    let given = 0
    for (const [file, source] of sources) {
      for (const m of source.matchAll(/\bt\('([a-zA-Z]\w*(?:\.\w+)+)'\s*(\)|,\s*\{)/g)) {
        const wanted = [...new Set([...(texts.get(m[1] ?? '') ?? '').matchAll(/\{(\w+)\}/g)].map((x) => x[1] ?? ''))]
        if (!wanted.length) continue
        given++
        const values = m[2] === ')' ? '' : balanced(source, m.index + m[0].length - 1)
        for (const name of wanted) if (!values.includes('...') && !new RegExp(`[{,\\s]${name}\\s*[:,}]`).test(values)) lacking.push(`${file}: ${m[1]} wants ${name}`)
      }
    }
    expect(given).toBeGreaterThan(50)
    expect(lacking).toEqual([])
  })

  it('are all asked for', () => {
    const code = sources.map(([, text]) => text).join('\n')
    // By the name of its group: in the key itself, or handed to who makes the key.
    const groups = [
      ...[...code.matchAll(/`([A-Za-z][\w.]*)\.\$\{/g)].map((m) => m[1]),
      ...sources.filter(([, text]) => text.includes('`${group}.${')).flatMap(([, text]) => [...text.matchAll(/'([a-z]\w*(?:\.\w+)*)'/g)].map((m) => m[1])),
    ]
    const asked = (key: string) => code.includes(`'${key}'`) || code.includes(`"${key}"`) || groups.some((g) => key.startsWith(`${g}.`))
    expect([...texts.keys()].filter((key) => !asked(key))).toEqual([])
  })
})

// The object that begins at a brace, to its closing one.
function balanced(text: string, from: number): string {
  for (let i = from, depth = 0; i < text.length; i++) {
    if (text[i] === '{') depth++
    if (text[i] === '}' && --depth === 0) return text.slice(from, i + 1)
  }
  return text.slice(from)
}
