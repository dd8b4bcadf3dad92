import { nextTick, shallowRef } from 'vue'
import { createI18n } from 'vue-i18n'
import type { Language } from 'element-plus/es/locale'
import { stored } from './composables/stored'

export const languages = { en: 'English', zh: '中文' } as const
export type Locale = keyof typeof languages

export const i18n = createI18n({ legacy: false, locale: 'en', fallbackLocale: 'en', messages: {}, missingWarn: false, fallbackWarn: false })

/** elementLocale is the same language for Element Plus' own words. */
export const elementLocale = shallowRef<Language>()

const wished = stored('yumen.locale', '')

/** firstLocale is what was chosen before, else what the browser prefers. */
export function firstLocale(): Locale {
  const wish = wished.value || navigator.language
  return wish.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

/** setLocale loads a language before it switches to it. */
export async function setLocale(locale: Locale, remember = true) {
  const [words, element] = await (locale === 'zh'
    ? Promise.all([import('./locales/zh.json'), import('element-plus/es/locale/lang/zh-cn')])
    : Promise.all([import('./locales/en.json'), import('element-plus/es/locale/lang/en')]))
  i18n.global.setLocaleMessage(locale, words.default)
  elementLocale.value = element.default
  i18n.global.locale.value = locale
  document.documentElement.lang = locale === 'zh' ? 'zh-CN' : 'en'
  if (remember) wished.value = locale
  await nextTick()
}
