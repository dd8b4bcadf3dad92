import type { FieldError, ProblemBody } from './types'

/** Problem is every way a call can fail; `code` is what the console translates. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly params: Record<string, unknown>
  readonly errors: FieldError[]
  readonly requestId: string
  readonly retryAfter: number

  constructor(body: Partial<ProblemBody>, response?: Response) {
    super(body.title || body.code || 'problem')
    this.status = body.status ?? response?.status ?? 0
    this.code = body.code ?? (this.status ? 'internal' : 'network')
    this.params = body.params ?? {}
    this.errors = body.errors ?? []
    this.requestId = body.request_id ?? response?.headers.get('X-Request-ID') ?? ''
    this.retryAfter = Number(response?.headers.get('Retry-After') ?? 0)
  }
}

/** problemOf reads what a refused call said, whatever it was. */
export async function problemOf(response: Response): Promise<Problem> {
  let body: Partial<ProblemBody> = {}
  try {
    const said: unknown = await response.json()
    if (typeof said === 'object' && said !== null) body = said
  } catch {
    // Not ours: a proxy in between, or a torn answer.
  }
  if (!body.code) body.code = response.status >= 502 ? 'unavailable' : 'internal'
  return new Problem(body, response)
}
