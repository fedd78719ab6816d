/**
 * A loaded `MLCEngine` as answers and embeddings: requests mapped to its OpenAI-like calls, its chunks to text, its usage
 * object to counts. Only what is named here is read of what it says. Runs in its worker; one call at a time.
 */
import type { ChatCompletionRequestStreaming, MLCEngine } from '@mlc-ai/web-llm'
import { refuseOversize } from '../rules/prompt-limits.ts'
import { rawText } from '../rules/raw-prompt.ts'
import { breakMarks } from '../tokens/control-marks.ts'
import type { SpecialTokens } from '../tokens/special-tokens.ts'
import type { MlcFiles } from '../weights/mlc-files.ts'
import type { ChatMessage, Sampling } from '../wire/chat.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { begunPrompt, marksOf, prefixText, promptParts, shieldDollars } from './begun-prompt.ts'
import type { ChatSettings } from './chat-settings.ts'
import { failureOf } from './failure-of.ts'
import type { watchGpu } from './gpu-watch.ts'
import type { LastWords } from './last-words.ts'
import type { OnText, WebLlmAnswer, WebLlmEmbeddings, WebLlmRequest } from './worker-api.ts'

/** The part of WebLLM's chunks that is read; the same for chats and for completions. */
interface Chunk {
  readonly choices: readonly {
    readonly delta?: { readonly content?: string | null }
    readonly text?: string
    readonly finish_reason?: string | null
  }[]
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
}

/** The conversation whose KV WebLLM holds, where the next turn can go on from it. */
interface Held {
  readonly messages: readonly ChatMessage[]
  readonly answer: string
  readonly tokens: number
}

/** What the completions interface leaves to its caller. */
interface Begins {
  readonly prefix: string
  readonly marks: SpecialTokens
}

const NO_CHAT = fail('engine-mismatch', 'This model makes embeddings and does not chat.')

/** Odd, with bits everywhere: multiplied by it, each bit of a number moves the highest ones. */
const SPREAD = 0x9e3779b97f4a7c15n

/** `top_k` and `min_p` are none of WebLLM's: docs/WEBLLM.md says so. Its generator takes 32 bits of seed. */
export function samplingOf(sampling: Sampling) {
  return {
    temperature: sampling.temperature,
    // It refuses 0, which would keep the best token alone: so does this.
    top_p: Math.max(sampling.topP, 1e-6),
    repetition_penalty: sampling.repetitionPenalty,
    // All 64 bits count; 0 would be 1 there.
    seed: Number(BigInt.asUintN(64, (sampling.seed + 1n) * SPREAD) >> 33n) + 1,
  }
}

/** What is known of trouble from outside the package. */
export interface Watch {
  readonly gpu: ReturnType<typeof watchGpu>
  readonly words: LastWords
}

export class EngineSession {
  readonly #engine: MLCEngine
  readonly #files: MlcFiles
  readonly #settings: ChatSettings
  readonly #watch: Watch
  #held: Held | null = null
  #begins: Begins | null = null

  constructor(engine: MLCEngine, files: MlcFiles, settings: ChatSettings, watch: Watch) {
    this.#engine = engine
    this.#files = files
    this.#settings = settings
    this.#watch = watch
  }

  async chat(request: WebLlmRequest, onText: OnText): Promise<Result<WebLlmAnswer>> {
    const reusedTokens = this.#reusable(request)
    this.#held = null
    try {
      const chunks = await this.#begin(request)
      if (!chunks.ok) return chunks
      let answer = ''
      let reason: WebLlmAnswer['reason'] = 'abort'
      let usage: Chunk['usage'] = null
      for await (const chunk of chunks.value) {
        const choice = chunk.choices[0]
        const text = choice?.delta?.content ?? choice?.text ?? ''
        answer += text
        if (text !== '') await onText(text)
        if (choice?.finish_reason === 'stop' || choice?.finish_reason === 'length') reason = choice.finish_reason
        usage = chunk.usage ?? usage
      }
      if (this.#watch.gpu.lost !== null) return await this.#failure(null)
      const prefillTokens = usage?.prompt_tokens ?? 0
      const completionTokens = usage?.completion_tokens ?? 0
      // Only then: WebLLM rebuilds a conversation that was cut, because its last token is not in the KV.
      if (reason === 'stop' && request.begun === '' && !request.raw)
        this.#held = { messages: request.messages, answer, tokens: reusedTokens + prefillTokens + completionTokens }
      return ok({ reason, prefillTokens, reusedTokens, completionTokens })
    } catch (error) {
      return await this.#failure(error)
    }
  }

  async embed(texts: readonly string[]): Promise<Result<WebLlmEmbeddings>> {
    try {
      const made = await this.#engine.embeddings.create({ input: [...texts] })
      return ok({ vectors: made.data.map(({ embedding }) => unit(embedding)), promptTokens: made.usage.prompt_tokens })
    } catch (error) {
      return await this.#failure(error)
    }
  }

  /** What the next `chat` of these messages would report as computed and reused together. */
  async count(messages: readonly ChatMessage[], raw = false): Promise<Result<number>> {
    const { template } = this.#settings
    if (!template) return NO_CHAT
    const oversize = refuseOversize(messages)
    if (oversize) return oversize
    const parts = raw ? await this.#rawPrompt(messages, '') : promptParts(template, messages)
    if (!parts.ok) return parts
    const tokenize = tokenizeOf(this.#engine)
    if (!tokenize) return fail('tokenizer-unsupported', 'WebLLM does not give its tokenizer.')
    const held = this.#reusable({ messages, raw, begun: '' })
    // Of a conversation that goes on, WebLLM tokenises the last message and the head of the reply.
    const read = typeof parts.value === 'string' ? [parts.value] : held === 0 ? parts.value : parts.value.slice(-2)
    return ok(read.reduce((sum, part) => sum + tokenize(part).length, held))
  }

  async stop(): Promise<void> {
    await this.#engine.interruptGenerate()
  }

  async #begin({ messages, raw, sampling, maxTokens, begun }: WebLlmRequest): Promise<Result<AsyncIterable<Chunk>>> {
    const { template } = this.#settings
    if (!template) return NO_CHAT
    const shared = {
      ...samplingOf(sampling),
      max_tokens: maxTokens,
      stream: true,
      stream_options: { include_usage: true },
    } as const
    if (raw || begun !== '') {
      const prompt = raw
        ? await this.#rawPrompt(messages, begun)
        : begunPrompt(template, messages, begun, (await this.#beginsOf()).prefix)
      return prompt.ok ? ok(await this.#engine.completions.create({ ...shared, prompt: prompt.value })) : prompt
    }
    // Its type wants literal roles one by one; ours are the same three.
    const given = shieldDollars(template, messages) as ChatCompletionRequestStreaming['messages']
    return ok(await this.#engine.chat.completions.create({ ...shared, messages: given }))
  }

  async #failure(error: unknown): Promise<Failure> {
    await this.#watch.gpu.settle()
    return failureOf(error, 'answer', this.#watch.gpu, this.#watch.words.reason)
  }

  /** Tokens of KV that WebLLM will not compute again, by its own rule: the same conversation, one turn longer. */
  #reusable({ messages, raw, begun }: Pick<WebLlmRequest, 'messages' | 'raw' | 'begun'>): number {
    const held = this.#held
    if (!held || raw || begun !== '') return 0
    const expected = [...held.messages, { role: 'assistant', content: held.answer }]
    const same = expected.every(
      ({ role, content }, index) => messages[index]?.role === role && messages[index].content === content,
    )
    return same && messages.length === expected.length + 1 ? held.tokens : 0
  }

  /** As text for the completions interface. Its one text goes to the tokenizer as it is. */
  async #rawPrompt(messages: readonly ChatMessage[], begun: string): Promise<Result<string>> {
    const text = rawText(messages)
    if (!text.ok) return text
    const { prefix, marks } = await this.#beginsOf()
    return ok(prefix + breakMarks(text.value + begun, marks))
  }

  async #beginsOf(): Promise<Begins> {
    if (this.#begins) return this.#begins
    const bytes = await this.#files.read('tokenizer.json')
    // Without a tokenizer.json there is no text for the begin token; the model then goes on without it.
    const tokenizer: unknown = bytes.ok ? JSON.parse(new TextDecoder().decode(bytes.value)) : null
    const { template } = this.#settings
    this.#begins = { prefix: template ? prefixText(template, tokenizer) : '', marks: marksOf(tokenizer) }
    return this.#begins
  }
}

/**
 * The package has no call that counts; its tokenizer is private to the pipeline of the loaded model. A test compares the
 * names with the installed bundle. Delete when the package counts (0.2.86 does not).
 */
function tokenizeOf(engine: MLCEngine): ((text: string) => ArrayLike<number>) | null {
  const { loadedModelIdToPipeline: pipelines } = engine as unknown as { loadedModelIdToPipeline?: unknown }
  const pipeline: unknown = pipelines instanceof Map ? [...pipelines.values()][0] : null
  const tokenizer = (pipeline as { tokenizer?: { encode?: unknown } } | null | undefined)?.tokenizer
  if (typeof tokenizer?.encode !== 'function') return null
  return (text) => (tokenizer as { encode: (text: string) => ArrayLike<number> }).encode(text)
}

/** Of length 1, as everybody who compares embeddings expects. */
function unit(values: ArrayLike<number>): Float32Array {
  const vector = Float32Array.from(values)
  const length = Math.hypot(...vector) || 1
  return vector.map((value) => value / length)
}
