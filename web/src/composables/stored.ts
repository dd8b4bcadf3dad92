import { ref, watch, type Ref } from 'vue'

/** stored is a text kept in the browser where it may be kept. */
export function stored(key: string, otherwise: string): Ref<string> {
  let first = otherwise
  try {
    first = localStorage.getItem(key) ?? otherwise
  } catch {
    // Storage is closed to us: it lasts as long as the page.
  }
  const value = ref(first)
  watch(value, (now) => {
    try {
      if (now === otherwise) localStorage.removeItem(key)
      else localStorage.setItem(key, now)
    } catch {
      // As above.
    }
  })
  return value
}
