/**
 * A real TURN server on this machine's loopback: Debian's coturn, with the credentials that the product's server makes. Ended
 * by `close`; installed first where it is not there.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianBinary, freePort, listening } from './debian-service.ts'

const BINARIES = ['/usr/bin/turnserver', '/usr/local/bin/turnserver']

export interface Coturn {
  /** For `TURN_URL`, over UDP or TCP. */
  url(transport: 'udp' | 'tcp'): string
  readonly secret: string
  close(): Promise<void>
}

export async function startCoturn(): Promise<Coturn> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-turn-'))
  const port = await freePort()
  const secret = 'secret-of-this-test'
  const child = spawn(
    debianBinary(BINARIES, 'coturn'),
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
  await listening(child, port, 'coturn')
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
