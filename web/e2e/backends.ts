import { createServer as createHTTP } from 'node:http'
import { connect as connectHTTP2, createServer as createHTTP2 } from 'node:http2'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'

/** A Backend is something real behind the gateway. */
export interface Backend {
  address: string
  close(): void
}

function listen(server: Server): Promise<Backend> {
  return new Promise((done) =>
    server.listen(0, '127.0.0.1', () => done({ address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() })),
  )
}

/** httpBackend answers with its name and the request headers; /status/500 with that status. */
export function httpBackend(name: string): Promise<Backend> {
  const server = createHTTP((request, response) => {
    const status = Number(/\/status\/(\d+)/.exec(request.url ?? '')?.[1] ?? 200)
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ name, path: request.url, headers: request.headers }))
  })
  server.keepAliveTimeout = 200
  return listen(server)
}

/** tcpBackend answers every line with its name and the line. */
export function tcpBackend(name: string): Promise<Backend> {
  return listen(createServer((socket) => socket.on('error', () => {}).on('data', (part) => socket.write(`${name} ${part.toString()}`))))
}

/** sayTCP sends a line and gives what came back. */
export function sayTCP(port: number, line: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(line))
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer')))
    socket.once('data', (part) => {
      socket.end()
      done(part.toString())
    })
    socket.once('error', fail)
    socket.once('close', () => fail(new Error('closed without an answer')))
  })
}

function frame(text: string): Buffer {
  const message = Buffer.from(text)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** grpcBackend answers every call with one message: its name. */
export function grpcBackend(name: string): Promise<Backend> {
  const server = createHTTP2()
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.resume()
    stream.on('end', () => stream.end(frame(name)))
  })
  return listen(server as unknown as Server)
}

/** callGRPC makes one call and gives the message and the status. */
export function callGRPC(port: number): Promise<{ message: string; status: string }> {
  return new Promise((done, fail) => {
    const session = connectHTTP2(`http://127.0.0.1:${port}`)
    session.on('error', fail)
    const stream = session.request({ ':method': 'POST', ':path': '/test.Echo/Say', 'content-type': 'application/grpc', te: 'trailers' })
    let status = ''
    const parts: Buffer[] = []
    stream.setTimeout(5000, () => fail(new Error('no answer')))
    stream.on('response', (head) => (status = String(head['grpc-status'] ?? '')))
    stream.on('trailers', (tail) => (status = String(tail['grpc-status'] ?? '')))
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('error', fail)
    stream.on('end', () => {
      session.close()
      done({ message: Buffer.concat(parts).subarray(5).toString(), status })
    })
    stream.end(frame('hello'))
  })
}
