/**
 * Watches the stages of an own route: who says nothing any more is dead, and so is who says that it is alive and passes
 * nothing on for longer than that can take. Measures the route's own pace for it. Tells, and ends nobody itself.
 */

import type { Frame } from '../engine/stage.ts'
import { muteBoundMs, type StandsAt, suspects } from '../rules/mute.ts'
import { median } from '../rules/quantiles.ts'
import { CONNECT_MS_MAX } from '../wire/limits/links.ts'
import { ALIVE_MS_MAX, PACES_KEPT_MAX } from '../wire/limits/mesh.ts'
import type { StagePosition } from '../wire/peer-control.ts'

/** What the asker waits for now. */
export interface Awaited {
  /** Where the frame ends that has to come back; null for a word of `from`. */
  readonly end: number | null
  /** Positions that have to be computed for it. */
  readonly rows: number
  readonly mode: Frame['mode']
  /** Who has to say so; null for the tail. */
  readonly from: readonly string[] | null
}

export class RouteWatch {
  /** Of a token, as planned. */
  #plannedMs: number
  /** When each stage of the route was last heard of. */
  readonly #heardMs = new Map<string, number>()
  readonly #at = new Map<string, StandsAt>()
  /** Newest last; of one position each. */
  readonly #paces: Record<Frame['mode'], number[]> = { prefill: [], decode: [] }
  /** How long nothing has come on, of the time in which this tab was awake. */
  #stillMs = 0
  #lookedMs: number | null = null
  #arrivedMs = 0

  constructor(plannedMs: number) {
    this.#plannedMs = plannedMs
  }

  heard(peer: string, nowMs: number): void {
    this.#heardMs.set(peer, nowMs)
  }

  /** `sentEnd`: what lies beyond it nobody can have. */
  stands(peer: string, { got, passed }: StagePosition, sentEnd: number): void {
    const before = this.#at.get(peer)
    const now = { got: Math.min(got, sentEnd), passed: Math.min(passed, sentEnd) }
    this.#at.set(peer, now)
    if (!before || now.got > before.got || now.passed > before.passed) this.moved()
  }

  /** Something came on. */
  moved(): void {
    this.#stillMs = 0
  }

  /** A new epoch: nobody has said yet where it stands. */
  begin(): void {
    this.#at.clear()
    this.moved()
  }

  /** Somebody else stands in the route: what was measured is not true any more. */
  changed(plannedMs = this.#plannedMs): void {
    this.#plannedMs = plannedMs
    this.#paces.prefill = []
    this.#paces.decode = []
  }

  /** A frame has come back. `sentMs`: null where a takeover came between. */
  arrived(mode: Frame['mode'], count: number, sentMs: number | null, nowMs: number): void {
    if (sentMs !== null) {
      const paces = this.#paces[mode]
      paces.push((nowMs - Math.max(sentMs, this.#arrivedMs)) / count)
      if (paces.length > PACES_KEPT_MAX) paces.shift()
    }
    this.#arrivedMs = nowMs
    this.moved()
  }

  /** Those of whom nothing was heard for too long: a frozen tab keeps its links. */
  silent(peers: readonly string[], nowMs: number): readonly string[] {
    return peers.filter((peer) => nowMs - (this.#heardMs.get(peer) ?? nowMs) > ALIVE_MS_MAX)
  }

  /** Those who may hold up what is awaited, the likeliest first; nobody while there is time. */
  mute(peers: readonly string[], awaited: Awaited | null, nowMs: number): readonly string[] {
    // A tab that slept has not waited.
    const passedMs = Math.min(nowMs - (this.#lookedMs ?? nowMs), ALIVE_MS_MAX)
    this.#lookedMs = nowMs
    this.#stillMs = awaited ? this.#stillMs + passedMs : 0
    if (!awaited || this.#stillMs <= this.#boundMs(awaited)) return []
    const last = awaited.from ?? peers.slice(-1)
    if (awaited.end === null) return last
    const found = suspects(
      peers.map((peer) => this.#at.get(peer) ?? null),
      awaited.end,
    )
    return found.length === 0 ? last : found.flatMap((index) => peers[index] ?? [])
  }

  #boundMs({ end, rows, mode }: Awaited): number {
    const measuredMs = median(this.#paces[mode])
    // Rows of a prompt cost less than the plan says of a token, and frames of them grow by what was measured.
    const rowMs = mode === 'prefill' ? (measuredMs ?? this.#plannedMs) : Math.max(measuredMs ?? 0, this.#plannedMs)
    const bound = muteBoundMs(rows, rowMs)
    // A word may wait until a stage has reached its neighbours, or has given that up.
    return end === null ? bound + CONNECT_MS_MAX : bound
  }
}
