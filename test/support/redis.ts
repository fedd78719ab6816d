/** A real Redis server on this machine's loopback: Debian's, which writes nothing down. Ended by `close`; it can be away meanwhile. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianBinary, freePort, listening } from './debian-service.ts'

const BINARIES = ['/usr/bin/redis-server', '/usr/local/bin/redis-server']

export class Redis {
  readonly url: string
  readonly #folder: string
  readonly #port: number
  #child: ChildProcess | null = null

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
    this.url = `redis://127.0.0.1:${port}`
  }

  static async start(): Promise<Redis> {
    const server = new Redis(await mkdtemp(join(tmpdir(), 'weft-redis-')), await freePort())
    await server.start()
    return server
  }

  async start(): Promise<void> {
    const words = ['--port', String(this.#port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const binary = debianBinary(BINARIES, 'redis-server')
    this.#child = spawn(binary, [...words, '--dir', this.#folder], { stdio: 'ignore' })
    await listening(this.#child, this.#port, 'redis-server')
  }

  /** All that it has is lost, as nothing was written down. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (!child || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** It keeps its connections and answers nothing. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  async close(): Promise<void> {
    await this.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
