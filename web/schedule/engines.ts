/**
 * All engines of one tab behind one door: picks the engine for a model by `rules/engine-choice.ts`, holds one model at a
 * time, lets one caller through at a time and remembers how fast each engine ran. An answer whose worker dies goes on at
 * a new one. Engines are made when they are first needed; this file knows them by contract only.
 */

import { CommittedLog } from '../rules/committed.ts'
import {
  CPU_THREAD_BYTES_PER_SECOND_ASSUMED,
  chooseEngine,
  type EngineFacts,
  GPU_BYTES_PER_SECOND_ASSUMED,
} from '../rules/engine-choice.ts'
import type {
  ChatEvent,
  ChatMessage,
  ChatRequest,
  Embeddings,
  EngineName,
  LoadedModel,
  LoadProgress,
} from '../wire/chat.ts'
import { ENGINE_NAMES, NO_USAGE } from '../wire/chat.ts'
import type { Code } from '../wire/codes.ts'
import { REPLAYS_MAX, SPEED_TOKENS_MIN } from '../wire/limits/engine.ts'
import type { ModelSummary } from '../wire/model.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type {
  AdapterFacts,
  EngineDoor,
  Inspection,
  Manners,
  ModelRunner,
  ModelSource,
  RunnerInspection,
  SelfTest,
} from './engine-door.ts'
import { keyOfSource } from './engine-door.ts'
import { readAhead } from './read-ahead.ts'
import type { SpeedStore } from './speed-store.ts'
import { type Release, Turns } from './turns.ts'

export interface EnginesParts {
  /** An engine that has no maker does not exist here. */
  readonly make: Readonly<Partial<Record<EngineName, () => Promise<EngineDoor>>>>
  /** Whether a software GPU counts as one: the server's setting, for tests. */
  readonly allowSoftware: () => Promise<boolean>
  readonly cpuThreads: number
  readonly speeds: SpeedStore
}

interface Seen {
  readonly engine: EngineName
  readonly door: EngineDoor
  readonly result: Result<Inspection>
}

interface Loaded {
  readonly key: string
  readonly door: EngineDoor
  readonly model: LoadedModel
  readonly fileBytes: number
}

const UNFIT: readonly Code[] = ['gpu-too-small', 'memory-too-small']
/** After these an engine holds no model. */
const UNLOADED_BY: readonly Code[] = ['worker-lost', 'device-degraded', 'not-loaded']

const NEVER = new AbortController().signal

export class Engines implements ModelRunner {
  readonly #parts: EnginesParts
  readonly #doors = new Map<EngineName, Promise<EngineDoor>>()
  readonly #turns = new Turns()
  #loaded: Loaded | null = null

  constructor(parts: EnginesParts) {
    this.#parts = parts
  }

  /** The GPU of this device, which decides what a person is told; the CPU is always there. */
  async probe(): Promise<Result<AdapterFacts>> {
    const found = (await (await this.#door('stage'))?.probe()) ?? fail('no-webgpu', '')
    if (!found.ok || !found.value.software || (await this.#parts.allowSoftware())) return found
    return fail('software-adapter', `The browser simulates one on the CPU (${found.value.adapter}).`)
  }

  async inspect(source: ModelSource, signal: AbortSignal): Promise<Result<RunnerInspection>> {
    const [gpu, seen] = await Promise.all([this.probe(), this.#inspections(source, signal)])
    if (signal.aborted) return fail('aborted', '')
    const able = seen.filter(({ result }) => result.ok || result.code !== 'engine-mismatch')
    const facts = await Promise.all(able.map((one) => this.#facts(one, gpu)))
    const model = able.map(({ result }) => (result.ok ? result.value.model : null)).find((found) => found !== null)
    const choice = chooseEngine(facts, model?.fileBytes ?? 0, source.engine ?? null)
    const options = facts.map(({ engine, refusal }) => ({ engine, refusal }))
    const of = (wanted: EngineName | null) =>
      able.find(({ engine, result }) => result.ok && (wanted === null || engine === wanted))?.result
    if (!choice.ok) {
      // Where nothing fits, the numbers say more than a refusal: those of the picked engine, else of the first.
      const unfit = UNFIT.includes(choice.code) ? of(source.engine ?? null) : null
      return unfit?.ok ? ok({ ...unfit.value, choice: null, options }) : choice
    }
    const chosen = of(choice.value.engine)
    return chosen?.ok ? ok({ ...chosen.value, choice: choice.value, options }) : fail('engine-mismatch', '')
  }

  /** GGUF models are kept in one place, whichever engine asks. */
  async cached(): Promise<readonly ModelSummary[]> {
    const doors = await Promise.all(
      ['stage' as const, 'webllm' as const].map((name) => this.#door(name)?.catch(() => null)),
    )
    return (await Promise.all(doors.map((door) => door?.cached() ?? []))).flat()
  }

  async load(
    source: ModelSource,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
    onlyIfIdle = false,
  ): Promise<Result<LoadedModel>> {
    const turn = await this.#turns.take(signal)
    if (!turn.ok) return turn
    try {
      if (onlyIfIdle && this.#loaded && this.#loaded.key !== keyOfSource(source)) return fail('aborted', '')
      const loaded = await this.#ensure(source, onProgress, signal, true)
      return loaded.ok ? ok(loaded.value.model) : loaded
    } finally {
      turn.value()
    }
  }

  async *chat(
    source: ModelSource,
    request: ChatRequest,
    signal: AbortSignal,
    manners?: Manners,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    if (manners?.courteous) return yield* this.#courteousChat(source, request, signal)
    const turn = await this.#turns.take(signal)
    if (!turn.ok) return yield endOf(turn)
    try {
      yield* this.#answer(source, request, signal)
    } finally {
      turn.value()
    }
  }

  async embed(
    source: ModelSource,
    texts: readonly string[],
    signal: AbortSignal,
    manners?: Manners,
  ): Promise<Result<Embeddings>> {
    if (!manners?.courteous) return this.#embed(source, texts, signal, await this.#turns.take(signal))
    const wanted = new AbortController()
    const turn = await this.#turns.take(signal, () => wanted.abort())
    const other = turn.ok ? this.#whyOther(source) : null
    if (turn.ok && other) turn.value()
    const made = other ?? (await this.#embed(source, texts, AbortSignal.any([signal, wanted.signal]), turn))
    return !made.ok && made.code === 'aborted' && !signal.aborted ? fail('owner-first', '') : made
  }

  async #embed(
    source: ModelSource,
    texts: readonly string[],
    signal: AbortSignal,
    turn: Result<Release>,
  ): Promise<Result<Embeddings>> {
    if (!turn.ok) return turn
    try {
      for (let losses = 0; ; losses += 1) {
        const loaded = await this.#ensure(source, () => {}, signal)
        if (!loaded.ok) return loaded
        const made = await loaded.value.door.embed(texts, signal)
        if (made.ok || !UNLOADED_BY.includes(made.code)) return made
        this.#loaded = null
        if (losses >= REPLAYS_MAX || signal.aborted) return made
      }
    } finally {
      turn.value()
    }
  }

  /** Without a turn: a draft is counted while an answer runs. */
  async count(
    source: ModelSource,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
    raw = false,
  ): Promise<Result<number>> {
    const loaded = this.#loaded
    const same = loaded?.key === keyOfSource(source) && (source.engine ?? loaded.door.name) === loaded.door.name
    return loaded && same ? loaded.door.count(messages, signal, raw) : fail('not-loaded', '')
  }

  async release(source: ModelSource, signal: AbortSignal): Promise<Result<null>> {
    const turn = await this.#turns.take(signal)
    if (!turn.ok) return turn
    try {
      if (this.#loaded?.key === keyOfSource(source)) await this.#drop()
      return ok(null)
    } finally {
      turn.value()
    }
  }

  async selfTest(signal: AbortSignal): Promise<Result<SelfTest>> {
    const turn = await this.#turns.take(signal)
    if (!turn.ok) return turn
    try {
      const gpu = await this.probe()
      if (!gpu.ok) return gpu
      const door = await this.#door('stage')
      const test = (await door?.selfTest?.()) ?? fail('engine-mismatch', '')
      if (test.ok) this.#parts.speeds.noteTest(test.value.adapter, test.value.bytesPerSecond)
      return test
    } finally {
      turn.value()
    }
  }

  /** After what runs. */
  async unload(): Promise<void> {
    const turn = await this.#turns.take(NEVER)
    await this.#drop()
    if (turn.ok) turn.value()
  }

  async #drop(): Promise<void> {
    const loaded = this.#loaded
    this.#loaded = null
    await loaded?.door.unload()
  }

  /** Its turn is given back within a token of being wanted, also where nobody reads on. */
  async *#courteousChat(
    source: ModelSource,
    request: ChatRequest,
    signal: AbortSignal,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const wanted = new AbortController()
    const turn = await this.#turns.take(signal, () => wanted.abort())
    if (!turn.ok) return yield endOf(turn)
    const other = this.#whyOther(source)
    if (other) {
      turn.value()
      return yield endOf(other)
    }
    const left = new AbortController()
    const either = AbortSignal.any([signal, wanted.signal, left.signal])
    for await (const event of readAhead(this.#answer(source, request, either), either, left, turn.value)) {
      const gaveWay = event.kind === 'end' && event.reason === 'abort' && !signal.aborted
      yield gaveWay ? { ...event, code: 'owner-first', detail: '' } : event
    }
  }

  /** A courteous call does not unload what somebody chose. */
  #whyOther(source: ModelSource): Failure | null {
    if (!this.#loaded || this.#loaded.key === keyOfSource(source)) return null
    return fail('not-loaded', 'Another model is loaded there.')
  }

  async *#answer(
    source: ModelSource,
    request: ChatRequest,
    signal: AbortSignal,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const log = new CommittedLog(request.resume)
    for (let losses = 0; ; losses += 1) {
      const loaded = await this.#ensure(source, () => {}, signal)
      if (!loaded.ok) {
        if (loaded.code !== 'worker-lost' || losses >= REPLAYS_MAX || signal.aborted) return yield endOf(loaded)
        yield { kind: 'notice', code: 'worker-replaced', detail: loaded.detail }
        continue
      }
      const { engine, adapter, id, name } = loaded.value.model
      yield { kind: 'answerer', engine, adapter, modelId: id, model: name }
      const resume = log.committed
      for await (const event of loaded.value.door.chat(resume ? { ...request, resume } : request, signal)) {
        log.take(event)
        if (event.kind !== 'end') yield event
        else if (event.code && UNLOADED_BY.includes(event.code)) this.#loaded = null
        if (event.kind !== 'end') continue
        // An engine whose worker died while nobody asked has no model: nothing was said, so it is as good as a loss.
        const lost = event.code === 'worker-lost' || event.code === 'not-loaded'
        if (!lost || losses >= REPLAYS_MAX || signal.aborted) {
          this.#noteSpeed(loaded.value, event)
          return yield event
        }
        if (event.code === 'worker-lost') {
          yield { kind: 'notice', code: 'worker-replaced', detail: event.detail ?? '' }
        }
      }
    }
  }

  /**
   * Called with the turn held. What is loaded stays where it is what is wanted: on the wished engine, or on any where there
   * is no wish. `anew` looks again which one that should be; an answer does not, so that no conversation changes engines.
   */
  async #ensure(
    source: ModelSource,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
    anew = false,
  ): Promise<Result<Loaded>> {
    const key = keyOfSource(source)
    const same = () => this.#loaded?.key === key
    const wished = source.engine === this.#loaded?.door.name
    if (this.#loaded && same() && (wished || (source.engine === undefined && !anew))) return ok(this.#loaded)
    let seen = await this.inspect(source, signal)
    // What is loaded fills the memory that the next model is tried against.
    if (this.#loaded && !same() && isTight(seen)) {
      await this.#drop()
      seen = await this.inspect(source, signal)
    }
    // What is loaded answers, also when its server is gone.
    if (!seen.ok) return this.#loaded && same() && source.engine === undefined ? ok(this.#loaded) : seen
    if (this.#loaded && same() && seen.value.engine === this.#loaded.door.name) return ok(this.#loaded)
    await this.#drop()
    const door = await this.#door(seen.value.engine)
    if (!door) return fail('engine-mismatch', '')
    const result = await door.load(source, onProgress, signal)
    if (!result.ok) return result
    this.#loaded = { key, door, model: result.value, fileBytes: seen.value.model.fileBytes }
    return ok(this.#loaded)
  }

  /** What each engine that may know the format says, those on a GPU first. */
  async #inspections(source: ModelSource, signal: AbortSignal): Promise<Seen[]> {
    const format = source.kind === 'file' ? 'gguf' : source.kind === 'prebuilt' ? 'mlc' : source.format
    const asked = ENGINE_NAMES.filter((name) => format === undefined || (name === 'webllm') === (format === 'mlc'))
    const seen = asked.map(async (engine): Promise<Seen | null> => {
      const door = await this.#door(engine)?.catch(() => null)
      return door ? { engine, door, result: await door.inspect(source, signal) } : null
    })
    return (await Promise.all(seen)).filter((one) => one !== null)
  }

  async #facts({ engine, door, result: inspected }: Seen, gpu: Result<AdapterFacts>): Promise<EngineFacts> {
    const { speeds, cpuThreads } = this.#parts
    const adapter = await door.probe()
    const assumedBytesPerSecond =
      engine === 'cpu' ? cpuThreads * CPU_THREAD_BYTES_PER_SECOND_ASSUMED : GPU_BYTES_PER_SECOND_ASSUMED
    const name = adapter.ok ? adapter.value.adapter : ''
    return {
      engine,
      refusal: refusalOf(engine, inspected, gpu),
      tokensPerSecond: inspected.ok ? speeds.tokensPerSecond(engine, name, inspected.value.model.id) : null,
      bytesPerSecond: speeds.bytesPerSecond(engine, name),
      testedBytesPerSecond: engine === 'cpu' ? null : speeds.testedBytesPerSecond(name),
      assumedBytesPerSecond,
    }
  }

  #noteSpeed({ door, model, fileBytes }: Loaded, { usage }: Extract<ChatEvent, { kind: 'end' }>): void {
    const { tokensPerSecond, completionTokens } = usage
    if (tokensPerSecond === null || completionTokens < SPEED_TOKENS_MIN) return
    const { adapter, id } = model
    const bytesPerSecond = tokensPerSecond * fileBytes
    this.#parts.speeds.note({ engine: door.name, adapter, model: id, tokensPerSecond, bytesPerSecond })
  }

  #door(name: EngineName): Promise<EngineDoor> | undefined {
    const known = this.#doors.get(name)
    if (known !== undefined) return known
    const made = this.#parts.make[name]?.()
    if (made === undefined) return
    this.#doors.set(name, made)
    // Its code may come the next time: after a new version was served, or when the network is back.
    made.catch(() => this.#doors.delete(name))
    return made
  }
}

/** A GPU engine said no for want of room. */
function isTight(seen: Result<RunnerInspection>): boolean {
  if (!seen.ok) return UNFIT.includes(seen.code)
  return !seen.value.fits || seen.value.options.some(({ refusal }) => refusal?.code === 'gpu-too-small')
}

/** Also where it does not fit: another engine may still have room. */
function refusalOf(engine: EngineName, inspected: Result<Inspection>, gpu: Result<AdapterFacts>): Failure | null {
  if (engine !== 'cpu' && !gpu.ok) return gpu
  if (!inspected.ok) return inspected
  return inspected.value.fits
    ? null
    : fail(engine === 'cpu' ? 'memory-too-small' : 'gpu-too-small', inspected.value.reason)
}

function endOf({ code, detail }: Failure): ChatEvent {
  return { kind: 'end', reason: code === 'aborted' ? 'abort' : 'error', usage: NO_USAGE, code, detail }
}
