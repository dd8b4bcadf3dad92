// What can be typed into a field, as the server reads it (spec/quantity.go).

export type Kind = 'text' | 'number' | 'integer' | 'duration' | 'size'

const duration = /^(?:0|(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+)$/
const size = /^\d+(?:B|KiB|MiB|GiB|TiB)?$/

/** flawOf names, by error code, what keeps a text from being a value; '' is none. */
export function flawOf(kind: Kind, text: string): string {
  switch (kind) {
    case 'duration':
      return duration.test(text) ? '' : 'bad_duration'
    case 'size':
      return size.test(text) ? '' : 'bad_size'
    case 'integer':
      return /^-?\d+$/.test(text) ? '' : 'not_integer'
    case 'number':
      return text !== '' && Number.isFinite(Number(text)) ? '' : 'not_number'
    case 'text':
      return ''
  }
}
