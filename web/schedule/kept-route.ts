/**
 * The route of the last answer, kept open for a while: where the same conversation goes on, its stages still hold all that
 * came before and only what is new is computed. Another conversation, a loss or some rest ends it. Decides nothing about
 * routes that answer.
 */
import { ROUTE_KEPT_MS } from '../wire/limits/mesh.ts'
import type { RouteClock } from './route-parts.ts'
import type { Session } from './session.ts'

export interface Keepable {
  /** What it answers with: a model, and who has its ends. */
  readonly kind: string
  readonly session: Pick<Session, 'shares' | 'close'>
  /** Tokens of the newest prompt. */
  promptTokens: number
  /** A stage of it was: it may be shorter of standbys than its plan says. */
  lost: boolean
}

export class KeptRoute<Route extends Keepable> {
  readonly #clock: Pick<RouteClock, 'every'>
  #kept: Route | null = null
  #rest: () => void = () => {}

  constructor(clock: Pick<RouteClock, 'every'>) {
    this.#clock = clock
  }

  /** Whether it rests here now. */
  has(route: Route): boolean {
    return this.#kept === route
  }

  /** The kept route where `prompt` goes on with its conversation; else it is closed. */
  async take(kind: string, prompt: readonly number[]): Promise<Route | null> {
    const kept = this.#kept
    if (!kept) return null
    // The same question once more is no next turn: it is computed as the first time, so that its text is the same.
    const goesOn = kept.kind === kind && kept.session.shares(prompt) >= kept.promptTokens
    if (!goesOn) await this.close()
    else this.#forget()
    return goesOn ? kept : null
  }

  /** After its answer. What was kept before is closed. */
  async keep(route: Route): Promise<void> {
    await this.close()
    if (route.lost) return route.session.close()
    this.#kept = route
    this.#rest = this.#clock.every(ROUTE_KEPT_MS, () => void this.close())
  }

  async close(): Promise<void> {
    const kept = this.#kept
    this.#forget()
    await kept?.session.close()
  }

  #forget(): void {
    this.#rest()
    this.#rest = () => {}
    this.#kept = null
  }
}
