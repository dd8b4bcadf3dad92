// @vitest-environment node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const css = readFileSync(join(__dirname, '..', 'theme.css'), 'utf8')
const tokens = (block: string) => Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1], m[2]])) as Record<string, string>
const light = tokens(/:root \{([\s\S]*?)\n\}/.exec(css)?.[1] ?? '')
const dark = { ...light, ...tokens(/html\.dark \{([\s\S]*?)\n\}/.exec(css)?.[1] ?? '') }

// WCAG 2.1, relative luminance and contrast ratio.
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (high + 0.05) / (low + 0.05)
}

describe.each([['light', light], ['dark', dark]])('the %s theme', (_, theme) => {
  const at = (name: string) => theme[name] ?? ''

  it.each(['text', 'muted', 'faint', 'accent-ink', 'red', 'amber'])('has %s readable on every ground', (ink) => {
    for (const ground of ['bg', 'surface', 'sunken']) expect(contrast(at(ink), at(ground)), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5)
  })
  it('has words readable on their soft grounds and on the accent', () => {
    for (const [ink, ground] of [['text', 'accent-soft'], ['accent-ink', 'accent-soft'], ['text', 'red-soft'], ['red', 'red-soft'], ['text', 'amber-soft'], ['amber', 'amber-soft'], ['on-accent', 'accent-ink']] as const) {
      expect(contrast(at(ink), at(ground)), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5)
    }
  })
  it('has visible edges of controls and a visible focus', () => {
    for (const edge of ['line-strong', 'accent']) for (const ground of ['bg', 'surface']) expect(contrast(at(edge), at(ground)), `${edge} on ${ground}`).toBeGreaterThanOrEqual(2.9)
  })
})
