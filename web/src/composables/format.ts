import { computed } from 'vue'
import { useI18n } from 'vue-i18n'

const none = '–'

/** makeFormat says numbers and times as a language does; unknown ones are a dash. */
export function makeFormat(locale: string) {
  const tag = locale === 'zh' ? 'zh-CN' : 'en-GB'
  const whole = new Intl.NumberFormat(tag, { maximumFractionDigits: 0 })
  const fine = new Intl.NumberFormat(tag, { maximumFractionDigits: 1 })
  const finer = new Intl.NumberFormat(tag, { maximumFractionDigits: 2 })
  const short = new Intl.NumberFormat(tag, { notation: 'compact', maximumFractionDigits: 1 })
  const full = new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'medium', hour12: false })
  const clock = new Intl.DateTimeFormat(tag, { hour: '2-digit', minute: '2-digit', hour12: false })
  const day = new Intl.DateTimeFormat(tag, { month: 'short', day: 'numeric' })
  const dayClock = new Intl.DateTimeFormat(tag, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false })
  const relative = new Intl.RelativeTimeFormat(tag, { numeric: 'auto', style: 'short' })

  const known = (n: number | null | undefined): n is number => typeof n === 'number' && Number.isFinite(n)
  const date = (t: string | number | Date | null | undefined) => {
    if (t === null || t === undefined || t === '') return null
    const d = new Date(t)
    // Go's zero time means never.
    return Number.isNaN(d.getTime()) || d.getUTCFullYear() < 1971 ? null : d
  }

  const count = (n?: number | null) => (known(n) ? whole.format(n) : none)
  const brief = (n?: number | null) => (known(n) ? (Math.abs(n) < 10_000 ? whole.format(n) : short.format(n)) : none)
  const rate = (n?: number | null) => {
    if (!known(n)) return none
    if (n === 0) return '0'
    if (Math.abs(n) < 10) return finer.format(n)
    return Math.abs(n) < 1000 ? fine.format(n) : brief(n)
  }
  const percent = (n?: number | null) => (known(n) ? `${Math.abs(n) < 10 ? finer.format(n) : fine.format(n)}%` : none)
  const ms = (n?: number | null) => {
    // Nothing takes no time: 0 says that nothing was measured.
    if (!known(n) || n === 0) return none
    if (n < 1) return `${finer.format(n)} ms`
    if (n < 10) return `${fine.format(n)} ms`
    return n < 1000 ? `${whole.format(n)} ms` : `${finer.format(n / 1000)} s`
  }
  const bytes = (n?: number | null) => {
    if (!known(n)) return none
    let size = n
    for (const unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB']) {
      if (Math.abs(size) < 1024 || unit === 'TiB') return `${unit === 'B' ? whole.format(size) : fine.format(size)} ${unit}`
      size /= 1024
    }
    return none
  }
  const time = (t?: string | number | Date | null) => {
    const d = date(t)
    return d ? full.format(d) : none
  }
  const ago = (t: string | number | Date | null | undefined, now = Date.now()) => {
    const d = date(t)
    if (!d) return none
    const seconds = (d.getTime() - now) / 1000
    for (const [unit, size, most] of [['second', 1, 60], ['minute', 60, 60], ['hour', 3600, 24]] as const) {
      // Rounded first: 59.6 minutes are an hour.
      const n = Math.round(seconds / size)
      if (Math.abs(n) < most) return relative.format(n, unit)
    }
    return relative.format(Math.round(seconds / 86_400), 'day')
  }
  const span = (seconds?: number | null) => {
    if (!known(seconds)) return none
    const s = Math.max(0, Math.floor(seconds))
    const unit = (n: number, name: string) => new Intl.NumberFormat(tag, { style: 'unit', unit: name, unitDisplay: 'narrow' }).format(n)
    if (s < 60) return unit(s, 'second')
    if (s < 3600) return unit(Math.floor(s / 60), 'minute')
    if (s < 86_400) return unit(Math.floor(s / 3600), 'hour')
    return unit(Math.floor(s / 86_400), 'day')
  }

  return {
    count,
    brief,
    rate,
    percent,
    ms,
    bytes,
    time,
    ago,
    span,
    clock: (t: number | string | Date) => clock.format(new Date(t)),
    day: (t: number | string | Date) => day.format(new Date(t)),
    dayClock: (t: number | string | Date) => dayClock.format(new Date(t)),
  }
}

export type Format = ReturnType<typeof makeFormat>

export function useFormat() {
  const { locale } = useI18n()
  return computed(() => makeFormat(locale.value))
}
