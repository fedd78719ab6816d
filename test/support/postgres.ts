/**
 * A real PostgreSQL server on this machine's loopback: Debian's, in a folder of its own that goes with it. `fresh` makes an empty
 * database.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { debianBinary, freePort, listening } from './debian-service.ts'

const VERSIONS = ['18', '17', '16', '15', '14']
const BINARIES = VERSIONS.map((version) => `/usr/lib/postgresql/${version}/bin/postgres`)

/** Who it runs as; empty for who runs the tests. */
interface Who {
  readonly uid?: number
  readonly gid?: number
}

export class Postgres {
  readonly #folder: string
  readonly #port: number
  readonly #binary: string
  readonly #who: Who
  #child: ChildProcess | null = null
  #databases = 0

  private constructor(folder: string, port: number, binary: string, who: Who) {
    this.#folder = folder
    this.#port = port
    this.#binary = binary
    this.#who = who
  }

  static async start(): Promise<Postgres> {
    const binary = debianBinary(BINARIES, 'postgresql')
    const folder = await mkdtemp(join(tmpdir(), 'weft-postgres-'))
    // It refuses to run as root.
    const who: Who = process.getuid?.() === 0 ? idsOf('postgres') : {}
    if (who.uid !== undefined && who.gid !== undefined) chownSync(folder, who.uid, who.gid)
    const options = ['--auth=trust', '--username=weft', '--encoding=UTF8', '--locale=C', '--no-sync']
    const made = spawnSync(join(binary, '../initdb'), ['-D', join(folder, 'data'), ...options], { cwd: folder, ...who })
    if (made.status !== 0) throw new Error(`initdb ended with ${made.status}: ${made.stderr}`)
    const server = new Postgres(folder, await freePort(), binary, who)
    await server.start()
    return server
  }

  async start(): Promise<void> {
    const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${this.#folder}`]
    const words = [
      '-D',
      join(this.#folder, 'data'),
      '-p',
      String(this.#port),
      ...settings.flatMap((one) => ['-c', one]),
    ]
    this.#child = spawn(this.#binary, words, { cwd: this.#folder, stdio: 'ignore', ...this.#who })
    await listening(this.#child, this.#port, 'postgresql')
    for (;;) {
      const ready = await this.#say('select 1').then(
        () => true,
        () => false,
      )
      if (ready) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** The address of an empty database. */
  async fresh(): Promise<string> {
    this.#databases += 1
    const name = `weft_${this.#databases}`
    await this.#say(`create database ${name}`)
    return this.#url(name)
  }

  /** Waits for who is connected. */
  async close(): Promise<void> {
    const child = this.#child
    const ended = new Promise((done) => child?.once('exit', done))
    child?.kill('SIGTERM')
    await ended
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #say(words: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url('postgres') })
    await client.connect()
    try {
      await client.query(words)
    } finally {
      await client.end()
    }
  }

  #url(database: string): string {
    return `postgres://weft@127.0.0.1:${this.#port}/${database}`
  }
}

function idsOf(user: string): { readonly uid: number; readonly gid: number } {
  const id = (flag: string) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}
