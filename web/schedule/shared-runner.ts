/**
 * `ModelRunner` for every tab of a browser: one of them owns the engines, the others are its clients. Calls go to the
 * owner, this tab or another; when the owner is closed, crashes or freezes, another tab takes over and every open call
 * goes there again, an answer from what it had come to. Timers run only while a call waits.
 */
import { CommittedLog } from '../rules/committed.ts'
import type { ChatEvent, ChatMessage, ChatRequest, Embeddings, LoadedModel, LoadProgress } from '../wire/chat.ts'
import { NO_USAGE } from '../wire/chat.ts'
import {
  OWNER_PING_MS,
  OWNER_SILENT_MS_MAX,
  OWNER_STEAL_JITTER_MS,
  OWNERS_PER_ANSWER_MAX,
  OWNERS_PER_CALL_MAX,
} from '../wire/limits/page.ts'
import type { ModelSummary } from '../wire/model.ts'
import { fail, type Result } from '../wire/result.ts'
import { Election, GuestElection, type Locks } from './election.ts'
import type { AdapterFacts, Manners, ModelRunner, ModelSource, RunnerInspection, SelfTest } from './engine-door.ts'
import { EngineHost, type Say } from './engine-host.ts'
import { parseTabMessage, type TabAnswer, type TabCall, type TabMessage, tabLock } from './tab-wire.ts'

export interface SharedParts {
  /** The engines of this tab: used only while it is the owner. */
  readonly engines: ModelRunner
  readonly locks: Locks
  readonly channel: BroadcastChannel
  /** Random, of this tab's run. */
  readonly tab: string
  /** Asks the owner that is there, and never becomes one for others: its engines are its own once there is none. */
  readonly guest?: boolean
}

interface OpenCall {
  readonly id: number
  /** Made anew for every owner: an answer carries what it has come to. */
  readonly make: () => TabCall
  readonly take: Say
  /** Before it goes to another owner than the first. */
  readonly onResend: (sent: number) => void
  /** The tab it was sent to; null while there is none. */
  owner: string | null
  sent: number
  aborted: boolean
}

export class SharedRunner implements ModelRunner {
  readonly #parts: SharedParts
  readonly #host: EngineHost
  readonly #election: Pick<Election, 'enter' | 'steal' | 'close'>
  readonly #open = new Map<number, OpenCall>()
  #calls = 0
  #owner: string | null = null
  /** The browser refuses locks: this tab runs its own engines and hears no other. */
  #alone = false
  /** Of the newest owner that was heard of: an older one is not followed. */
  #since = 0
  #heardMs = 0
  /** Beats since the owner was heard: a tab whose timers sleep has asked too seldom to call it silent. */
  #missed = 0
  #timer: ReturnType<typeof setInterval> | null = null
  /** Gives up the lock by which others see that this tab is there. */
  #leave: () => void = () => {}

  constructor(parts: SharedParts) {
    this.#parts = parts
    this.#host = new EngineHost(parts.engines, parts.locks)
    const Vote = parts.guest ? GuestElection : Election
    this.#election = new Vote(parts.locks, {
      onOwner: () => this.#own(),
      onLost: () => this.#lose(),
      onRefused: () => this.#beAlone(),
    })
    parts.channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      const message = parseTabMessage(data, parts.tab)
      if (message && !this.#alone) this.#hear(message)
    })
    // Where locks are refused, the election says so.
    parts.locks.request(tabLock(parts.tab), () => new Promise<void>((free) => (this.#leave = free))).catch(() => {})
    parts.channel.postMessage({ kind: 'who', from: parts.tab } satisfies TabMessage)
    this.#election.enter()
  }

  /** Whether the engines run in this tab. */
  get isOwner(): boolean {
    return this.#owner === this.#parts.tab
  }

  probe(): Promise<Result<AdapterFacts>> {
    return this.#ask(() => ({ method: 'probe' }))
  }

  inspect(source: ModelSource, signal: AbortSignal): Promise<Result<RunnerInspection>> {
    return this.#ask(() => ({ method: 'inspect', source }), signal)
  }

  async cached(): Promise<readonly ModelSummary[]> {
    const kept = await this.#ask<readonly ModelSummary[]>(() => ({ method: 'cached' }))
    return kept.ok ? kept.value : []
  }

  load(
    source: ModelSource,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
    onlyIfIdle = false,
  ): Promise<Result<LoadedModel>> {
    return this.#ask(() => ({ method: 'load', source, onlyIfIdle }), signal, onProgress)
  }

  embed(
    source: ModelSource,
    texts: readonly string[],
    signal: AbortSignal,
    manners?: Manners,
  ): Promise<Result<Embeddings>> {
    return this.#ask(() => ({ method: 'embed', source, texts, manners }), signal)
  }

  count(
    source: ModelSource,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
    raw = false,
  ): Promise<Result<number>> {
    return this.#ask(() => ({ method: 'count', source, messages, raw }), signal)
  }

  release(source: ModelSource, signal: AbortSignal): Promise<Result<null>> {
    return this.#ask(() => ({ method: 'release', source }), signal)
  }

  selfTest(signal: AbortSignal): Promise<Result<SelfTest>> {
    return this.#ask(() => ({ method: 'selfTest' }), signal)
  }

  /** The model stays for the other tabs; the next load replaces it. */
  async unload(): Promise<void> {}

  async *chat(
    source: ModelSource,
    request: ChatRequest,
    signal: AbortSignal,
    manners?: Manners,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const log = new CommittedLog(request.resume)
    const events: ChatEvent[] = []
    let wake = () => {}
    let onRead = () => {}
    const push = (event: ChatEvent) => {
      log.take(event)
      events.push(event)
      if (event.kind === 'end') this.#open.delete(call.id)
      wake()
    }
    const refuse = (result: Result<unknown>) => {
      if (result.ok) return
      const { code, detail } = result
      push({ kind: 'end', reason: code === 'aborted' ? 'abort' : 'error', usage: NO_USAGE, code, detail })
    }
    const call = this.#begin(
      () => {
        const resume = log.committed
        return { method: 'chat', source, request: resume ? { ...request, resume } : request, manners }
      },
      (answer) => {
        if (answer.kind === 'event') push(answer.event)
        else if (answer.kind === 'result') refuse(answer.result)
        // What is computed for others is not computed far ahead of who reads it, as long as the engine is of this tab.
        const ahead = manners?.courteous && answer.kind === 'event' && answer.event.kind !== 'end'
        return ahead ? new Promise((read) => (onRead = read)) : undefined
      },
      (sent) => {
        if (sent > OWNERS_PER_ANSWER_MAX)
          return refuse(fail('worker-lost', `${OWNERS_PER_ANSWER_MAX} owners were lost.`))
        push({ kind: 'notice', code: 'owner-changed', detail: '' })
      },
    )
    const abort = () => this.#abort(call)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    try {
      for (;;) {
        const event = events.shift()
        if (event) yield event
        if (event?.kind === 'end') return
        if (events.length === 0) onRead()
        if (events.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      signal.removeEventListener('abort', abort)
      onRead()
      // Where the reader left early, the owner must not go on for nobody.
      if (this.#open.delete(call.id)) this.#tellAbort(call)
    }
  }

  /** Another tab may own the engines from now on; what this one had loaded is given back. */
  async close(): Promise<void> {
    this.#stopWatching()
    this.#election.close()
    this.#parts.channel.close()
    this.#leave()
    await this.#host.abandon()
  }

  #ask<T>(
    make: () => TabCall,
    signal?: AbortSignal,
    onProgress: (progress: LoadProgress) => void = () => {},
  ): Promise<Result<T>> {
    if (signal?.aborted) return Promise.resolve(fail('aborted', ''))
    return new Promise((resolve) => {
      const abort = () => this.#abort(call)
      // What kills one tab must not be handed on until it has killed them all.
      const onResend = (sent: number) => {
        const lost = fail('worker-lost', `${OWNERS_PER_CALL_MAX} tabs were lost over it.`)
        if (sent > OWNERS_PER_CALL_MAX) void call.take({ kind: 'result', result: lost })
      }
      const take: Say = (answer) => {
        if (answer.kind === 'progress') onProgress(answer.progress)
        if (answer.kind !== 'result') return undefined
        signal?.removeEventListener('abort', abort)
        this.#open.delete(call.id)
        resolve(answer.result as Result<T>)
        return undefined
      }
      const call = this.#begin(make, take, onResend)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #begin(make: OpenCall['make'], take: OpenCall['take'], onResend: OpenCall['onResend'] = () => {}): OpenCall {
    this.#calls += 1
    const call: OpenCall = { id: this.#calls, make, take, onResend, owner: null, sent: 0, aborted: false }
    this.#open.set(call.id, call)
    // Nothing is heard back before the caller holds the call.
    queueMicrotask(() => this.#send(call))
    this.#watch()
    return call
  }

  /** Waits where nobody owns the engine yet. */
  #send(call: OpenCall): void {
    const { tab, channel } = this.#parts
    if (!this.#open.has(call.id) || this.#owner === null || call.owner === this.#owner) return
    if (call.aborted) {
      void call.take({ kind: 'result', result: fail('aborted', '') })
      return
    }
    call.owner = this.#owner
    call.sent += 1
    if (call.sent > 1) call.onResend(call.sent)
    if (!this.#open.has(call.id)) return
    const { id } = call
    if (this.isOwner) void this.#host.run(tab, id, call.make(), (answer) => this.#take(tab, id, answer))
    else channel.postMessage({ kind: 'call', from: tab, to: this.#owner, id, call: call.make() } satisfies TabMessage)
  }

  #take(from: string, id: number, answer: TabAnswer): Promise<void> | undefined {
    const call = this.#open.get(id)
    // A tab that was stepped over may still speak when it thaws.
    return call?.owner === from ? call.take(answer) : undefined
  }

  #abort(call: OpenCall): void {
    if (!this.#open.has(call.id)) return
    call.aborted = true
    if (call.owner === null) void call.take({ kind: 'result', result: fail('aborted', '') })
    else this.#tellAbort(call)
  }

  #tellAbort({ owner, id }: OpenCall): void {
    const { tab, channel } = this.#parts
    if (owner === tab) this.#host.abort(tab, id)
    else if (owner !== null) channel.postMessage({ kind: 'abort', from: tab, to: owner, id } satisfies TabMessage)
  }

  #beAlone(): void {
    this.#alone = true
    this.#follow(this.#parts.tab)
  }

  #own(): void {
    this.#since = Math.max(Date.now(), this.#since + 1)
    this.#sayOwner()
    this.#follow(this.#parts.tab)
  }

  #sayOwner(): void {
    const { tab, channel } = this.#parts
    channel.postMessage({ kind: 'owner', from: tab, since: this.#since } satisfies TabMessage)
  }

  #heard(): void {
    this.#heardMs = performance.now()
    this.#missed = 0
  }

  #follow(owner: string): void {
    this.#owner = owner
    this.#heard()
    for (const call of [...this.#open.values()]) this.#send(call)
    if (this.#open.size > 0) this.#watch()
  }

  /** Stepped over: the engines go, and what this tab has asked waits for whoever owns them now. */
  #lose(): void {
    if (this.isOwner) this.#owner = null
    for (const call of this.#open.values()) if (call.owner === this.#parts.tab) call.owner = null
    void this.#host.abandon()
    this.#heard()
    this.#watch()
    for (const call of [...this.#open.values()]) this.#send(call)
  }

  #hear(message: TabMessage): void {
    const { tab, channel } = this.#parts
    const { from } = message
    if (from === this.#owner) this.#heard()
    switch (message.kind) {
      case 'who':
        if (this.isOwner) this.#sayOwner()
        return
      case 'owner':
        if (message.since <= this.#since) return
        this.#since = message.since
        this.#follow(from)
        return
      case 'ping':
        if (this.isOwner) channel.postMessage({ kind: 'pong', from: tab, to: from } satisfies TabMessage)
        return
      case 'pong':
        return
      case 'call': {
        if (!this.isOwner) return
        const { id, call } = message
        const say: Say = (answer) => {
          channel.postMessage({ kind: 'answer', from: tab, to: from, id, answer } satisfies TabMessage)
          return undefined
        }
        void this.#host.run(from, id, call, say)
        return
      }
      case 'abort':
        this.#host.abort(from, message.id)
        return
      case 'answer':
        void this.#take(from, message.id, message.answer)
        return
      default:
        message satisfies never
    }
  }

  /** The heartbeat: only while a call waits for another tab. */
  #watch(): void {
    if (this.#timer !== null) return
    this.#heard()
    this.#timer = setInterval(() => this.#beat(), OWNER_PING_MS)
  }

  #stopWatching(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #beat(): void {
    const { tab, channel } = this.#parts
    if (this.#open.size === 0 || this.isOwner) {
      this.#stopWatching()
      return
    }
    const silentMs = performance.now() - this.#heardMs
    const asked = this.#missed * OWNER_PING_MS >= OWNER_SILENT_MS_MAX
    if (asked && silentMs > OWNER_SILENT_MS_MAX + Math.random() * OWNER_STEAL_JITTER_MS) {
      this.#election.steal()
      return
    }
    this.#missed += 1
    const question: TabMessage =
      this.#owner === null ? { kind: 'who', from: tab } : { kind: 'ping', from: tab, to: this.#owner }
    channel.postMessage(question)
  }
}
