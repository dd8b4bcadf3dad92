import { shallowRef } from 'vue'

export interface Question {
  title: string
  body?: string
  items?: string[]
  confirm: string
  danger?: boolean
  /** The name that must be typed before the answer can be yes. */
  type?: string
}

export const question = shallowRef<(Question & { answer: (yes: boolean) => void }) | null>(null)

/** ask opens the one dialog that asks, and gives the answer. */
export function ask(q: Question): Promise<boolean> {
  question.value?.answer(false)
  return new Promise((resolve) => {
    question.value = {
      ...q,
      answer: (yes) => {
        question.value = null
        resolve(yes)
      },
    }
  })
}
