/**
 * A WebLLM whose answers a test writes: the package's engine as far as `EngineSession` calls it, and a worker over it as
 * far as `WebLlmChat` sees one. For what needs an answer, where no compiled library can give one.
 */
import type { MLCEngine } from '@mlc-ai/web-llm'
import * as Comlink from 'comlink'
import type { WebLlmAnswer, WebLlmModel, WebLlmRequest, WebLlmWorkerApi } from '../../web/webllm/worker-api.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'

export interface ScriptedAnswer {
  readonly pieces: readonly string[]
  readonly finish: 'stop' | 'length'
  /** What its usage object says was computed of the prompt. */
  readonly promptTokens: number
  /** Thrown after the pieces. */
  readonly error?: unknown
}

/** Requests as they arrived, in order. */
export interface ScriptedEngine {
  readonly engine: MLCEngine
  readonly chats: Record<string, unknown>[]
  readonly completions: Record<string, unknown>[]
  interrupts: number
}

export function scriptedEngine(answer: () => ScriptedAnswer, embedding: number[] = [3, 4]): ScriptedEngine {
  let interrupted = false
  async function* chunks(kind: 'chat' | 'completion') {
    interrupted = false
    const { pieces, finish, promptTokens, error } = answer()
    let made = 0
    for (const piece of pieces) {
      if (interrupted) break
      made += 1
      yield { choices: [kind === 'chat' ? { delta: { content: piece }, finish_reason: null } : { text: piece }] }
    }
    if (error !== undefined) throw error
    yield { choices: [{ delta: {}, finish_reason: interrupted ? 'abort' : finish }] }
    yield { choices: [], usage: { prompt_tokens: promptTokens, completion_tokens: made } }
  }
  const seen: ScriptedEngine = {
    chats: [],
    completions: [],
    interrupts: 0,
    engine: {
      chat: {
        completions: {
          create: async (request: Record<string, unknown>) => {
            seen.chats.push(request)
            return chunks('chat')
          },
        },
      },
      completions: {
        create: async (request: Record<string, unknown>) => {
          seen.completions.push(request)
          return chunks('completion')
        },
      },
      embeddings: {
        create: async ({ input }: { input: readonly string[] }) => ({
          data: input.map(() => ({ embedding })),
          usage: { prompt_tokens: input.length },
        }),
      },
      /** A token a character. */
      loadedModelIdToPipeline: new Map([['scripted', { tokenizer: { encode: (text: string) => [...text] } }]]),
      interruptGenerate: async () => {
        interrupted = true
        seen.interrupts += 1
      },
    } as unknown as MLCEngine,
  }
  return seen
}

export const SCRIPTED_MODEL: WebLlmModel = {
  id: 'a'.repeat(64),
  name: 'Scripted',
  modelKind: 'chat',
  contextPositions: 2_048,
  gpuBytes: 1e8,
  notice: null,
}

type Script = (
  request: WebLlmRequest,
  say: (text: string) => Promise<void>,
  stopped: () => boolean,
) => Promise<Result<WebLlmAnswer>>

/** A `Worker` as far as `WorkerDoor` and Comlink use one. `die` ends it as a crash would. */
export function scriptedWorker(script: Script, loads: () => Result<WebLlmModel> = () => ok(SCRIPTED_MODEL)) {
  const { port1, port2 } = new MessageChannel()
  let stopped = false
  let terminated = false
  const api: WebLlmWorkerApi = {
    load: async (_spec, onProgress) => {
      onProgress({ phase: 'fetch', doneBytes: 1, totalBytes: 1 })
      return loads()
    },
    chat: async (request, onText) => {
      stopped = false
      return script(
        request,
        async (text) => void (await onText(text)),
        () => stopped,
      )
    },
    embed: async () => fail('engine-failed', ''),
    count: async (messages) => ok(messages.length),
    stop: async () => {
      stopped = true
    },
  }
  Comlink.expose(api, port2)
  port1.start()
  const errors: ((event: { message: string }) => void)[] = []
  const listen = port1.addEventListener.bind(port1) as (...args: unknown[]) => void
  const worker = Object.assign(port1, {
    addEventListener: (kind: string, listener: (event: { message: string }) => void, ...rest: unknown[]) =>
      kind === 'error' ? errors.push(listener) : listen(kind, listener, ...rest),
    terminate: () => {
      terminated = true
      port1.close()
      port2.close()
    },
  })
  return {
    worker: worker as unknown as Worker,
    die: () => errors.map((listener) => listener({ message: 'The test ended the worker.' })),
    get terminated() {
      return terminated
    },
  }
}
