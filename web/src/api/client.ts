import createClient from 'openapi-fetch'
import { Problem, problemOf } from './problem'
import type { paths } from './schema'

export const base = '/api/v1'

// What happens when a call finds the session gone: the session module asks
// for the password in place and the call goes on.
let renew: (() => Promise<void>) | null = null
export function onUnauthenticated(handler: () => Promise<void>) {
  renew = handler
}

/** send is fetch that survives the end of a session and fails only with a Problem. */
async function send(request: Request): Promise<Response> {
  const again = request.clone()
  try {
    return await sendOnce(request)
  } catch (cause) {
    if (!(cause instanceof Problem) || cause.code !== 'unauthenticated' || !renew) throw cause
    await renew()
    return send(again)
  }
}

async function sendOnce(request: Request): Promise<Response> {
  let response: Response
  try {
    response = await fetch(request)
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw new Problem({ code: 'network' })
  }
  if (!response.ok) throw await problemOf(response)
  return response
}

const baseUrl = (typeof location === 'undefined' ? '' : location.origin) + base

export const client = createClient<paths>({ baseUrl, fetch: send })
/** anonymous is for calls that may find nobody logged in, and say so. */
export const anonymous = createClient<paths>({ baseUrl, fetch: sendOnce })

export interface Answer<T> {
  data: T
  etag: string
  /** The revision a change was released as; 0 when nothing changed. */
  revision: number
}

/** answer gives what a call gave, with its version and the revision it made. */
export async function answer<T>(call: Promise<{ data?: unknown; response: Response }>): Promise<Answer<T>> {
  const { data, response } = await call
  return {
    data: data as T,
    etag: response.headers.get('ETag') ?? '',
    revision: Number(response.headers.get('X-Yumen-Revision') ?? 0),
  }
}

/** body is answer for who wants the body alone. */
export async function body<T>(call: Promise<{ data?: T; response: Response }>): Promise<T> {
  return (await call).data as T
}
