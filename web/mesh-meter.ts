/**
 * How fast a tab gives: tokens computed for others, bytes in and out of all its links, over the last seconds. Counts of a
 * link that closed stay counted. Pure; readings and time come in.
 */
import type { MeshRates } from './app-mesh-view.ts'
import { MESH_RATE_WINDOW_MS } from './wire/limits/mesh.ts'

/** Totals of one link, since it was opened. */
export interface LinkCount {
  readonly peer: string
  readonly sentBytes: number
  readonly receivedBytes: number
}

interface Sample {
  readonly atMs: number
  readonly tokens: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

export class MeshMeter {
  readonly #links = new Map<string, LinkCount>()
  #samples: Sample[] = []
  #sentBytes = 0
  #receivedBytes = 0

  /** `tokens`: so far, never less than before. */
  add(tokens: number, links: readonly LinkCount[], atMs: number): void {
    for (const link of links) {
      const known = this.#links.get(link.peer)
      // Fewer than before: it is another link to the same peer.
      const before =
        known && known.sentBytes <= link.sentBytes && known.receivedBytes <= link.receivedBytes ? known : null
      this.#sentBytes += link.sentBytes - (before?.sentBytes ?? 0)
      this.#receivedBytes += link.receivedBytes - (before?.receivedBytes ?? 0)
    }
    this.#links.clear()
    for (const link of links) this.#links.set(link.peer, link)
    const sample = { atMs, tokens, sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes }
    this.#samples = [...this.#samples.filter((one) => atMs - one.atMs <= MESH_RATE_WINDOW_MS), sample]
  }

  get rates(): MeshRates | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (!first || !last || last.atMs <= first.atMs) return null
    const seconds = (last.atMs - first.atMs) / 1_000
    return {
      tokensPerSecond: (last.tokens - first.tokens) / seconds,
      bytesInPerSecond: (last.receivedBytes - first.receivedBytes) / seconds,
      bytesOutPerSecond: (last.sentBytes - first.sentBytes) / seconds,
    }
  }
}
