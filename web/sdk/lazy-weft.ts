/** `window.weft` before its code is here: each call fetches it once and goes on there. Knows no requests. */

import type { Weft } from '../openai.ts'
import type { CallOptions } from '../openai-run.ts'

/** Resolves to what `create` resolves to there; `for await` works on it before it has resolved. */
export function later<T>(promise: Promise<T>) {
  async function* chunks() {
    yield* (await promise) as AsyncIterable<unknown>
  }
  return Object.assign(promise, { [Symbol.asyncIterator]: chunks })
}

export function lazyWeft(load: () => Promise<Weft>): Weft {
  const call =
    (of: (weft: Weft) => { create(request: never, options?: CallOptions): Promise<unknown> }) =>
    (request: never, options?: CallOptions) =>
      later(load().then((weft) => of(weft).create(request, options)))
  const lazy = {
    chat: { completions: { create: call((weft) => weft.chat.completions) } },
    completions: { create: call((weft) => weft.completions) },
    embeddings: { create: call((weft) => weft.embeddings) },
    models: { list: () => load().then((weft) => weft.models.list()) },
  }
  return lazy as unknown as Weft
}
