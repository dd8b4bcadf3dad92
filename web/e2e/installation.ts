import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An Installation is `yumen up` on a data folder of its own. */
export interface Installation {
  console: string
  /** host:port of plain HTTP. */
  gateway: string
  /** The first of the ports that services may have. */
  port: number
  password: string
  data: string
  log(): string
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  return typeof address === 'object' && address ? address.port : 0
}

/** install starts the built binary and waits until its console and its gateway listen. */
export async function install(...flags: string[]): Promise<Installation> {
  const binary = process.env.YUMEN_BIN
  if (!binary) throw new Error('YUMEN_BIN must name the built binary: make e2e sets it')
  const data = mkdtempSync(join(tmpdir(), 'yumen-e2e-'))
  const [console_, http, https] = [await freePort(), await freePort(), await freePort()]
  // Twenty ports in a row below the range from which systems hand out free ones.
  const port = 10_000 + (process.pid % 900) * 20
  let log = ''
  const child: ChildProcess = spawn(
    binary,
    [
      'up', '--data', data, '--console', `127.0.0.1:${console_}`, '--http', `127.0.0.1:${http}`, '--https', `127.0.0.1:${https}`,
      '--admin', '127.0.0.1:0', '--dashboard-admin', '127.0.0.1:0', '--listen-ports', `${port}-${port + 19}`, '--access-log', 'none', ...flags,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: data } },
  )
  const gone = new Promise<void>((done) => child.once('exit', () => done()))
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (log += part.toString()))

  const stop = async () => {
    child.kill('SIGKILL') // A second time does nothing.
    await gone
    rmSync(data, { recursive: true, force: true })
  }
  const deadline = Date.now() + 30_000
  for (;;) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`yumen up did not start:\n${log}`)
    }
    const up = await fetch(`http://127.0.0.1:${console_}/login`, { headers: { Accept: 'text/html' } }).then((r) => r.ok, () => false)
    if (up && /configuration applied/.test(log)) break
    await new Promise((done) => setTimeout(done, 50))
  }
  return {
    console: `http://127.0.0.1:${console_}`,
    gateway: `127.0.0.1:${http}`,
    port,
    password: readFileSync(join(data, 'admin-password'), 'utf8').trim(),
    data,
    log: () => log,
    stop,
  }
}
