/** Our server as a real process that a test ends as it likes, also without a word, and starts again with the same settings. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import type { Config } from '../../signal/config.ts'

const ROOT = join(import.meta.dirname, '../..')

export class KilledServer {
  readonly #config: Config
  #child: ChildProcess | null = null
  #url = ''

  constructor(config: Config) {
    this.#config = config
  }

  /** Of the interface that it listens on. */
  get url(): string {
    return this.#url
  }

  get port(): number {
    return Number(new URL(this.#url).port)
  }

  async start(): Promise<this> {
    const args = ['--import', 'tsx', join(ROOT, 'test/support/server-process.ts'), JSON.stringify(this.#config)]
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    expect(line).toMatch(/^http/)
    this.#url = line.replace('localhost', '127.0.0.1')
    return this
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
}
