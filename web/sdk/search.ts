/**
 * Finds texts by what they mean, over vectors that stay in this page. Vectors have length 1, so that their product says how
 * near two texts are. It reads no documents and keeps nothing beyond the page.
 */
import type { Weft } from '../openai.ts'
import { EMBEDDING_TEXTS_MAX } from '../wire/limits/engine.ts'
import { SDK_INDEX_MAX } from '../wire/limits/sdk.ts'
import { invalid } from './helper-call.ts'

type Embeds = Pick<Weft, 'embeddings'>

export interface Hit {
  readonly id: string
  readonly text: string
  /** 1 for the same, 0 for nothing in common. */
  readonly score: number
}

interface Entry {
  readonly id: string
  readonly text: string
  readonly vector: Float32Array
}

export interface SearchOptions {
  /** Most hits (5). */
  readonly most?: number
  readonly signal?: AbortSignal
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (const [index, value] of a.entries()) sum += value * (b[index] ?? 0)
  return sum
}

/** The nearest first; of equals, the one that came first. */
function nearest(entries: readonly Entry[], query: Float32Array, most: number): readonly Hit[] {
  return entries
    .map(({ id, text, vector }) => ({ id, text, score: product(vector, query) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, most)
}

export class SemanticIndex {
  readonly #weft: Embeds
  readonly #model: string | undefined
  readonly #entries = new Map<string, Entry>()

  /** `model`: one that makes embeddings, by id or name. */
  constructor(weft: Embeds, { model }: { readonly model?: string } = {}) {
    this.#weft = weft
    this.#model = model
  }

  get size(): number {
    return this.#entries.size
  }

  /** A text with an id that is there already takes its place. */
  async add(texts: readonly { readonly id: string; readonly text: string }[], signal?: AbortSignal): Promise<void> {
    if (this.#entries.size + texts.length > SDK_INDEX_MAX) throw invalid(`An index holds ${SDK_INDEX_MAX} texts.`)
    for (let at = 0; at < texts.length; at += EMBEDDING_TEXTS_MAX) {
      const some = texts.slice(at, at + EMBEDDING_TEXTS_MAX)
      const vectors = await this.#vectors(
        some.map(({ text }) => text),
        signal,
      )
      for (const [index, { id, text }] of some.entries())
        this.#entries.set(id, { id, text, vector: vectors[index] ?? new Float32Array(0) })
    }
  }

  remove(id: string): void {
    this.#entries.delete(id)
  }

  async search(query: string, { most = 5, signal }: SearchOptions = {}): Promise<readonly Hit[]> {
    const [vector = new Float32Array(0)] = await this.#vectors([query], signal)
    return nearest([...this.#entries.values()], vector, most)
  }

  async #vectors(input: readonly string[], signal: AbortSignal | undefined): Promise<readonly Float32Array[]> {
    const request = { input, ...(this.#model === undefined ? {} : { model: this.#model }) }
    const { data } = await this.#weft.embeddings.create(request, signal ? { signal } : {})
    return data.map(({ embedding }) => Float32Array.from(embedding))
  }
}
