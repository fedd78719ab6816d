/**
 * The engine's worker as an asker without layers needs it, in this process: the words of a tiny model, where token 17 is
 * written `t17 ` and a message is the numbers in it.
 */
import * as Comlink from 'comlink'
import type { EngineWorkerApi, WorkerHead } from '../../web/engine/worker-api.ts'
import type { ChatMessage } from '../../web/wire/chat.ts'
import { ok } from '../../web/wire/result.ts'

export function wordsOf(id: string, layers: number, contextPositions: number, vocabulary: number): WorkerHead {
  const words = Array.from({ length: vocabulary }, (_, token) => new TextEncoder().encode(`t${token} `))
  const offsets = new Uint32Array(vocabulary + 1)
  for (const [index, { length }] of words.entries()) offsets[index + 1] = (offsets[index] ?? 0) + length
  const bytes = new Uint8Array(offsets.at(-1) ?? 0)
  for (const [index, word] of words.entries()) bytes.set(word, offsets[index])
  const text = { bytes, offsets, endTokens: [], stripLeadingSpace: false }
  return { id, name: 'tiny', layers, contextPositions, activeParameters: 1_000_000, vocabulary: text }
}

export function wordsWorker(head: WorkerHead): Worker {
  const { port1, port2 } = new MessageChannel()
  const api: Pick<EngineWorkerApi, 'loadHead' | 'encodeChat' | 'unload' | 'cancelLoad'> = {
    loadHead: async () => ok(head),
    encodeChat: async (messages: readonly ChatMessage[]) =>
      ok(messages.flatMap(({ content }) => (content.match(/\d+/g) ?? []).map(Number))),
    unload: async () => {},
    cancelLoad: async () => {},
  }
  Comlink.expose(api, port2)
  // What a `Worker` is used for, and a port does as well.
  return Object.assign(port1, {
    terminate: () => port1.close(),
  }) as unknown as Worker
}
