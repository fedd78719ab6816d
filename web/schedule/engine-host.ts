/**
 * The owner's side of the one engine: runs the calls of every tab on the engines of this one, and ends those of a tab that
 * went away. It queues nothing itself (`Engines` does) and knows no channel.
 */
import { OWNER_CALLS_MAX } from '../wire/limits/page.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { Locks } from './election.ts'
import type { ModelRunner } from './engine-door.ts'
import { type TabAnswer, type TabCall, tabLock } from './tab-wire.ts'

/** Undefined: taken. */
export type Say = (answer: TabAnswer) => Promise<void> | undefined

export class EngineHost {
  readonly #runner: ModelRunner
  readonly #locks: Locks
  readonly #running = new Map<string, AbortController>()
  readonly #watched = new Set<string>()

  constructor(runner: ModelRunner, locks: Locks) {
    this.#runner = runner
    this.#locks = locks
  }

  /** `say` is called until the last answer, and not after `abandon`. A chat is computed on when its promise is kept. */
  async run(tab: string, id: number, call: TabCall, say: Say): Promise<void> {
    const key = `${tab} ${id}`
    if (this.#running.size >= OWNER_CALLS_MAX) return void say({ kind: 'result', result: fail('queue-full', '') })
    const abort = new AbortController()
    this.#running.set(key, abort)
    void this.#watch(tab)
    try {
      await this.#perform(call, abort.signal, (answer) => {
        return this.#running.get(key) === abort ? say(answer) : undefined
      })
    } catch (error) {
      // A bug here must not leave a tab waiting for ever; it is still a bug.
      if (this.#running.get(key) === abort) void say({ kind: 'result', result: fail('engine-failed', String(error)) })
      throw error
    } finally {
      if (this.#running.get(key) === abort) this.#running.delete(key)
    }
  }

  abort(tab: string, id: number): void {
    this.#running.get(`${tab} ${id}`)?.abort()
  }

  /** This tab owns the engine no more: what runs is stopped without a word, and the GPU is given back. */
  async abandon(): Promise<void> {
    const running = [...this.#running.values()]
    this.#running.clear()
    for (const abort of running) abort.abort()
    await this.#runner.unload()
  }

  async #perform(call: TabCall, signal: AbortSignal, say: Say): Promise<void> {
    const result = (value: Result<unknown>) => void say({ kind: 'result', result: value })
    switch (call.method) {
      case 'probe':
        return result(await this.#runner.probe())
      case 'cached':
        return result(ok(await this.#runner.cached()))
      case 'inspect':
        return result(await this.#runner.inspect(call.source, signal))
      case 'load':
        return result(
          await this.#runner.load(
            call.source,
            (progress) => void say({ kind: 'progress', progress }),
            signal,
            call.onlyIfIdle,
          ),
        )
      case 'embed':
        return result(await this.#runner.embed(call.source, call.texts, signal, call.manners))
      case 'count':
        return result(await this.#runner.count(call.source, call.messages, signal, call.raw))
      case 'release':
        return result(await this.#runner.release(call.source, signal))
      case 'selfTest':
        return result(await this.#runner.selfTest(signal))
      case 'chat':
        for await (const event of this.#runner.chat(call.source, call.request, signal, call.manners)) {
          await say({ kind: 'event', event })
        }
        return
      default:
        call satisfies never
    }
  }

  /** A tab's own lock is free only when the tab is gone. */
  async #watch(tab: string): Promise<void> {
    if (this.#watched.has(tab)) return
    this.#watched.add(tab)
    try {
      await this.#locks.request(tabLock(tab), { mode: 'shared' }, () => {})
    } catch {
      // Without locks there are no other tabs to watch.
      return
    }
    this.#watched.delete(tab)
    for (const [key, abort] of this.#running) if (key.startsWith(`${tab} `)) abort.abort()
  }
}
