/** What is to be told to other processes, gathered for a moment: of one tab only the newest presence. It tells nobody itself. */
import type { PeerId } from '../../web/wire/peers.ts'
import type { Fact } from './words.ts'

export class Untold {
  /** In their order. A presence stands under the name of its peer, all else under a number. */
  readonly #facts = new Map<PeerId | number, Fact>()
  #next = 0

  get size(): number {
    return this.#facts.size
  }

  add(fact: Fact): void {
    if (fact.on === 'here') {
      this.#facts.set(fact.peer, fact)
      return
    }
    // What comes after this is not what came before it.
    if (fact.on === 'gone') this.#facts.delete(fact.peer)
    this.#next += 1
    this.#facts.set(this.#next, fact)
  }

  take(): readonly Fact[] {
    const facts = [...this.#facts.values()]
    this.#facts.clear()
    return facts
  }
}
