import { describe, expect, it } from 'vitest'
import type { ServiceSpec } from '@/api/types'
import { addressesOf, curlOf, quote, reachable, tokenCurl } from '@/spec/curl'
import { exampleOf, operationsOf, requestOf, type Document } from '@/pages/api/openapi'

const gateway = { http: '0.0.0.0:8080', https: '0.0.0.0:8443' }
const http = (more: Partial<ServiceSpec>): ServiceSpec => ({ name: 'a', protocol: 'http', ...more })

describe('a command to paste', () => {
  it('cannot be broken out of', () => {
    expect(quote("it's $(rm -rf /)")).toBe(`'it'\\''s $(rm -rf /)'`)
    expect(curlOf(http({ routes: [{ hosts: ["a'b"], path: { prefix: '/x;y' } }] }), gateway, 'gw')).toBe(`curl -i -H 'Host: a'\\''b' 'http://gw:8080/x;y'`)
  })
  it('goes where the person sits, when the gateway listens everywhere', () => {
    expect(reachable('0.0.0.0:8080', 'gw.example.com')).toBe('gw.example.com:8080')
    expect(reachable('[::]:8080', '::1')).toBe('[::1]:8080')
    expect(reachable('127.0.0.1:8080', 'gw.example.com')).toBe('127.0.0.1:8080')
  })
  it('fits the protocol, the port and the token of the service', () => {
    expect(curlOf(http({ routes: [{ path: { exact: '/x' } }], access: { auth: 'jwt' } }), gateway, 'gw')).toBe('curl -i -H "Authorization: Bearer $TOKEN" http://gw:8080/x')
    expect(curlOf(http({ routes: [{ hosts: ['*.example.com'] }], listen: { port: 8005 } }), gateway, 'gw')).toBe(`curl -i -H 'Host: www.example.com' http://gw:8005/`)
    expect(curlOf({ name: 'a', protocol: 'tcp', listen: { port: 8001 } }, gateway, 'gw')).toBe('nc gw 8001')
    expect(curlOf({ name: 'a', protocol: 'grpc', listen: { port: 8002 } }, gateway, 'gw')).toBe('grpcurl -plaintext gw:8002 list')
  })
  it('asks for a token with the secret only where it is shown', () => {
    expect(tokenCurl(gateway, '/oauth/tokens', 'app', undefined, 'gw')).toBe('curl -s -u "app:$SECRET" -d grant_type=client_credentials http://gw:8080/oauth/tokens')
    expect(tokenCurl(gateway, '/oauth/tokens', 'app', 's3-cret_', 'gw')).toContain('-u app:s3-cret_ ')
  })
})

describe('where a service is', () => {
  it('is every host with every path, and its port first', () => {
    expect(addressesOf(http({ routes: [{ hosts: ['a.com', 'b.com'], path: { prefix: '/x' } }, {}] }))).toEqual(['a.com/x/*', 'b.com/x/*', '/*'])
    expect(addressesOf(http({ routes: [{ path: { prefix: '/' } }], listen: { port: 8001 } }))).toEqual([':8001', '/*'])
    expect(addressesOf({ protocol: 'tcp', listen: { port: 8001 } })).toEqual([':8001'])
  })
})

describe('the API page', () => {
  const doc: Document = {
    paths: { '/services/{name}': { put: { operationId: 'replace', tags: ['services'], parameters: [{ name: 'name', in: 'path', required: true }, { name: 'If-Match', in: 'header' }, { name: 'dry_run', in: 'query' }], requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/S' } } } } } } },
    components: { schemas: { S: { type: 'object', required: ['name', 'protocol', 'self'], properties: { name: { type: 'string' }, protocol: { enum: ['http'] }, self: { $ref: '#/components/schemas/S' } } } } },
  }
  it('lists operations and fills what was typed into them', () => {
    const [operation] = operationsOf(doc)
    expect(operation).toMatchObject({ id: 'replace', method: 'PUT', tag: 'services' })
    expect(operation && requestOf(operation, { name: 'a/b', 'If-Match': '*', dry_run: '' })).toEqual({ url: '/services/a%2Fb', headers: { 'If-Match': '*' } })
  })
  it('makes a body of what is required, also where a schema names itself', () => {
    expect(exampleOf(doc, { $ref: '#/components/schemas/S' })).toMatchObject({ name: '', protocol: 'http' })
  })
})
