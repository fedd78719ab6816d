/**
 * A real TURN server on this machine's loopback: Debian's coturn, with the credentials that the product's server makes. Ended
 * by `close`; installed first where it is not there.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BINARIES = ['/usr/bin/turnserver', '/usr/local/bin/turnserver']
const PACKAGES = 'apt-get'
const START_MS_MAX = 10_000

export interface Coturn {
  /** For `TURN_URL`, over UDP or TCP. */
  url(transport: 'udp' | 'tcp'): string
  readonly secret: string
  close(): Promise<void>
}

/** Throws with what a person can do where it cannot be had. */
function binary(): string {
  const found = () => BINARIES.find(existsSync)
  if (!found() && existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    for (const words of [['update'], ['install', '-y', 'coturn']])
      spawnSync(PACKAGES, [...words, '-qq'], { stdio: 'ignore' })
  }
  const path = found()
  if (path === undefined) throw new Error('No coturn. Install it (Debian: `apt-get install coturn`) and run again.')
  return path
}

export async function startCoturn(): Promise<Coturn> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-turn-'))
  const port = await freePort()
  const secret = 'secret-of-this-test'
  const child = spawn(
    binary(),
    [
      '-n',
      `--listening-port=${port}`,
      '--listening-ip=127.0.0.1',
      '--relay-ip=127.0.0.1',
      '--allow-loopback-peers',
      '--use-auth-secret',
      `--static-auth-secret=${secret}`,
      '--realm=weft.test',
      '--no-tls',
      '--no-dtls',
      '--no-cli',
      '--log-file=stdout',
      `--pidfile=${join(folder, 'pid')}`,
      `--userdb=${join(folder, 'db')}`,
    ],
    { stdio: 'ignore' },
  )
  await listening(child, port)
  return {
    url: (transport) => `turn:127.0.0.1:${port}?transport=${transport}`,
    secret,
    async close() {
      const ended = new Promise((done) => child.once('exit', done))
      child.kill()
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}

/** Its TCP port answers when it is up. */
async function listening(child: ChildProcess, port: number): Promise<void> {
  const until = Date.now() + START_MS_MAX
  while (child.exitCode === null && Date.now() < until) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.kill()
  throw new Error(`coturn did not start (exit ${child.exitCode})`)
}
