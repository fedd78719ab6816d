/** `docs/deploy/turnserver.conf` in a real coturn: the server's credentials are let in, others are not, and nothing reaches this machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { iceServersFor } from '../../../signal/sockets/turn.ts'
import { debianBinary, freePort, listening } from '../../support/debian-service.ts'

const SECRET = 'secret-of-this-test'
let folder: string
let port: number
let child: ChildProcess

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-turn-conf-'))
  port = await freePort()
  const text = await readFile(join(import.meta.dirname, '../../../docs/deploy/turnserver.conf'), 'utf8')
  const own = text
    .replace('CHANGE-ME', SECRET)
    .replace(/^listening-port=.*$/m, `listening-port=${port}\nlistening-ip=127.0.0.1\nrelay-ip=127.0.0.1`)
    .replace(/^(tls-listening-port|cert|pkey)=.*$/gm, '')
  const file = join(folder, 'turnserver.conf')
  await writeFile(file, `${own}\nno-tls\nno-dtls\nlog-file=stdout\npidfile=${folder}/pid\nuserdb=${folder}/db\n`)
  const coturn = debianBinary(['/usr/bin/turnserver'], 'coturn')
  child = spawn(coturn, ['-c', file], { stdio: 'ignore' })
  await listening(child, port, 'coturn')
})
afterAll(async () => {
  const ended = new Promise((done) => child.once('exit', done))
  child.kill()
  await ended
  await rm(folder, { recursive: true, force: true })
})

/** What coturn's own client says when it wants an allocation and then to send to `peer`. */
function use(username: string, credential: string, peer: string): string {
  const words = ['-T', '-n', '1', '-c', '-p', String(port), '-u', username, '-w', credential, '-e', peer, '127.0.0.1']
  const said = spawnSync('/usr/bin/turnutils_uclient', words, { encoding: 'utf8', timeout: 15_000 })
  return `${said.stdout}${said.stderr}`
}

function credentials(secret: string) {
  const url = `turn:127.0.0.1:${port}`
  const [server] = iceServersFor({ stunUrl: null, turn: { url, secret } }, 'w1:key:run', Date.now())
  return { username: server?.username ?? '', credential: server?.credential ?? '' }
}

it('lets in who has credentials of the server, and carries nothing to this machine or its network', () => {
  const { username, credential } = credentials(SECRET)
  for (const peer of ['127.0.0.1', '10.0.0.1', '192.168.1.1', '169.254.169.254']) {
    expect(use(username, credential, peer), peer).toContain('403')
  }
})

it('refuses who has others', () => {
  const { username, credential } = credentials('another secret')
  expect(use(username, credential, '127.0.0.1')).not.toContain('403')
  expect(use(username, credential, '127.0.0.1')).toContain('Cannot complete Allocation')
})
