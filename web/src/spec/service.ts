import type { ServiceSpec } from '@/api/types'
import { copy, set, type Json, type Obj } from './pointer'

export const protocols = ['http', 'tcp', 'grpc'] as const
export type Protocol = (typeof protocols)[number]

type Common = Pick<ServiceSpec, 'name' | 'title' | 'description' | 'enabled' | 'tags' | 'upstream' | 'access' | 'limits' | 'listen'>

/** A service is one of three; what the others have, it cannot have. */
export type HttpService = Common & { protocol: 'http' } & Pick<ServiceSpec, 'routes' | 'rewrite' | 'headers'>
export type GrpcService = Common & { protocol: 'grpc' } & Pick<ServiceSpec, 'routes' | 'rewrite' | 'headers'>
export type TcpService = Common & { protocol: 'tcp' }
export type AnyService = HttpService | GrpcService | TcpService

// What a stream of bytes has no use for; the server refuses it there.
const onlyExchange = [
  '/routes', '/rewrite', '/headers', '/upstream/pool', '/access/auth', '/access/tenants',
  '/upstream/timeouts/response_header', '/upstream/timeouts/body_idle', '/upstream/timeouts/request',
]

/** blank is the smallest service of a protocol that a person begins with. */
export function blank(protocol: Protocol, port: number): AnyService {
  switch (protocol) {
    case 'http':
      return { name: '', protocol, routes: [{ path: { prefix: '/' } }], upstream: { targets: [{ address: '' }] } }
    case 'grpc':
      return { name: '', protocol, listen: { port }, upstream: { targets: [{ address: '' }] } }
    case 'tcp':
      return { name: '', protocol, listen: { port }, upstream: { targets: [{ address: '' }] } }
  }
}

/** specOf leaves of an answer what people write; PUT takes it back unchanged. */
export function specOf(item: object): Obj {
  const spec = copy(item) as Obj
  for (const key of ['meta', 'status', 'effective', 'credentials', 'credential', 'id', 'expired']) delete spec[key]
  return spec
}

/** become turns a draft into another protocol and keeps what both have. */
export function become(draft: Obj, protocol: Protocol, port: number): Obj {
  const next = copy(draft)
  next.protocol = protocol
  if (protocol === 'tcp') for (const pointer of onlyExchange) set(next, pointer, undefined)
  if (protocol === 'tcp' || (protocol === 'grpc' && !next.routes)) next.listen ??= { port }
  if (protocol === 'http') {
    next.routes ??= [{ path: { prefix: '/' } }]
    if (equalPort(next.listen, port)) delete next.listen
  }
  const upstream = next.upstream
  if (upstream && typeof upstream === 'object' && !Array.isArray(upstream)) {
    const scheme = upstream.scheme
    if (typeof scheme === 'string' && !schemes[protocol].includes(scheme)) delete upstream.scheme
  }
  return next
}

function equalPort(listen: Json, port: number): boolean {
  return typeof listen === 'object' && listen !== null && !Array.isArray(listen) && listen.port === port
}

export const schemes: Record<Protocol, string[]> = {
  http: ['http', 'https', 'h2', 'h2c'],
  grpc: ['h2c', 'h2'],
  tcp: ['tcp', 'tls'],
}
