import type { ServiceSpec } from '@/api/types'

/** quote makes one word of a shell of any text. */
export function quote(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** reachable is the address a person here would dial: what listens everywhere is reached through this host. */
export function reachable(listen: string, host: string): string {
  const at = /^(.*):(\d+)$/.exec(listen)
  if (!at) return listen
  const name = (at[1] ?? '').replace(/^\[|\]$/g, '')
  const open = name === '' || name === '0.0.0.0' || name === '::'
  const shown = open ? host : name
  return `${shown.includes(':') ? `[${shown}]` : shown}:${at[2]}`
}

interface Gateway {
  http: string
  https: string
}

/** addressOf is where a service is reached: host and path, or its port. */
export function addressesOf(service: Pick<ServiceSpec, 'routes' | 'listen' | 'protocol'>): string[] {
  const list: string[] = []
  if (service.listen) list.push(`:${service.listen.port}`)
  if (service.protocol === 'tcp') return list
  for (const route of service.routes ?? []) {
    const path = route.path?.exact ?? (route.path?.prefix ? route.path.prefix.replace(/\/?$/, '/*') : '/*')
    for (const host of route.hosts?.length ? route.hosts : ['']) list.push(host + path)
  }
  return list
}

/** curlOf is a command that sends something through a service, ready to paste. */
export function curlOf(service: ServiceSpec, gateway: Gateway, host = location.hostname): string {
  const port = service.listen?.port
  const own = port ? reachable(`${gateway.http.replace(/:\d+$/, '')}:${port}`, host) : ''
  const shared = reachable(gateway.http || gateway.https, host)
  const auth = service.access?.auth === 'jwt' ? ' -H "Authorization: Bearer $TOKEN"' : ''
  const route = service.routes?.[0]
  const name = route?.hosts?.[0]?.replace(/^\*\./, 'www.')

  if (service.protocol === 'tcp') return `nc ${own.replace(/^\[?(.*?)\]?:(\d+)$/, '$1 $2')}`
  if (service.protocol === 'grpc') return `grpcurl -plaintext${auth}${!own && name ? ` -authority ${quote(name)}` : ''} ${own || shared} list`
  const path = route?.path?.exact ?? route?.path?.prefix ?? '/'
  return `curl -i${name ? ` -H ${quote(`Host: ${name}`)}` : ''}${auth} ${quote(`http://${own || shared}${path}`)}`
}

/** tokenCurl asks for an app token; the secret goes in by the environment, where none is given. */
export function tokenCurl(gateway: Gateway, path: string, appID: string, secret?: string, host = location.hostname): string {
  const url = `http://${reachable(gateway.http || gateway.https, host)}${path}`
  return `curl -s -u ${secret ? quote(`${appID}:${secret}`) : `"${appID}:$SECRET"`} -d grant_type=client_credentials ${quote(url)}`
}

/** saveCurl is the call of the admin API that equals saving a form. */
export function saveCurl(method: 'POST' | 'PUT', path: string, spec: unknown, etag?: string): string {
  const lines = [
    `curl -X ${method} ${quote(`${location.origin}/api/v1${path}`)}`,
    `  -b "$COOKIES" -H 'Content-Type: application/json'`,
    ...(etag ? [`  -H ${quote(`If-Match: ${etag}`)}`] : []),
    `  -d ${quote(JSON.stringify(spec, null, 2))}`,
  ]
  return lines.join(' \\\n')
}
