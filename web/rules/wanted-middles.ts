/**
 * Which middles of models askers with private ends have lately looked for: what new tabs are sent to. One entry an asker, so
 * that nobody's wishes push out those of others; bounded, and forgotten after a while. Pure: the time comes in.
 */
import { MIDDLE_WANTED_MS, MIDDLES_OF_MODEL_MAX, MIDDLES_WANTED_MAX } from '../wire/limits/mesh.ts'
import type { LayerSpan, PeerId } from '../wire/peers.ts'

interface Wanted {
  readonly modelId: string
  readonly span: LayerSpan
  readonly untilMs: number
}

export class WantedMiddles {
  /** Oldest first. */
  readonly #byAsker = new Map<PeerId, Wanted>()

  add(asker: PeerId, modelId: string, span: LayerSpan, nowMs: number): void {
    this.#byAsker.delete(asker)
    this.#byAsker.set(asker, { modelId, span, untilMs: nowMs + MIDDLE_WANTED_MS })
    const [oldest] = this.#byAsker.keys()
    if (oldest !== undefined && this.#byAsker.size > MIDDLES_WANTED_MAX) this.#byAsker.delete(oldest)
  }

  /** Each once, those that most look for first. */
  of(modelId: string, nowMs: number): readonly LayerSpan[] {
    const counts = new Map<string, { readonly span: LayerSpan; count: number }>()
    for (const [asker, wanted] of this.#byAsker) {
      if (wanted.untilMs <= nowMs) this.#byAsker.delete(asker)
      else if (wanted.modelId === modelId) {
        const key = `${wanted.span.first}-${wanted.span.last}`
        counts.set(key, { span: wanted.span, count: (counts.get(key)?.count ?? 0) + 1 })
      }
    }
    const ordered = [...counts.values()].sort((a, b) => b.count - a.count)
    return ordered.slice(0, MIDDLES_OF_MODEL_MAX).map(({ span }) => span)
  }
}
