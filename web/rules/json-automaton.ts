/**
 * Runs a grammar byte by byte: a pushdown automaton that follows all ways at once. A state is met once and kept by number,
 * so that its next bytes are looked up the second time. Every state has an end that can be reached: ways that are too deep
 * are not begun, and where there are too many at once the first are followed. It knows no tokens.
 */
import {
  GRAMMAR_DEPTH_MAX,
  GRAMMAR_NODES_MAX,
  GRAMMAR_STATES_MAX,
  GRAMMAR_STEPS_MAX,
  GRAMMAR_WAYS_MAX,
} from '../wire/limits/engine.ts'
import type { Grammar } from './json-grammar.ts'

/** Where callers go on, innermost first; the same place met twice is the same object. */
interface Calls {
  readonly id: number
  readonly to: number
  readonly below: Calls | null
  readonly depth: number
  /** Bytes that all of them need at least. */
  readonly bytes: number
}

interface Way {
  readonly node: number
  readonly calls: Calls | null
}

interface State {
  readonly ways: readonly Way[]
  readonly ends: boolean
  readonly bytesLeft: number
  /** By byte: the next state, `DEAD`, or `UNKNOWN`. */
  readonly next: Int32Array
}

export const DEAD = -1
const UNKNOWN = -2

export class Automaton {
  readonly #grammar: Grammar
  readonly #states: State[] = []
  readonly #byKey = new Map<string, number>()
  readonly #calls = new Map<number, Calls>()
  readonly start: number

  constructor(grammar: Grammar) {
    this.#grammar = grammar
    this.start = this.#state([{ node: grammar.start, calls: null }])
  }

  /** More states were met than are kept: a new automaton has to take over. */
  get full(): boolean {
    return this.#states.length > GRAMMAR_STATES_MAX
  }

  next(state: number, byte: number): number {
    const from = this.#states[state]
    if (!from) return DEAD
    const known = from.next[byte] ?? DEAD
    if (known !== UNKNOWN) return known
    const { nodes } = this.#grammar
    const reached: Way[] = []
    for (const { node, calls } of from.ways)
      for (const { low, high, to } of nodes[node]?.edges ?? [])
        if (byte >= low && byte <= high) reached.push({ node: to, calls })
    const made = reached.length === 0 ? DEAD : this.#state(reached)
    from.next[byte] = made
    return made
  }

  /** An answer may end here. */
  ends(state: number): boolean {
    return this.#states[state]?.ends ?? false
  }

  /** An answer can only end here. */
  done(state: number): boolean {
    return this.#states[state]?.ways.length === 0
  }

  /** To the nearest end. */
  bytesLeft(state: number): number {
    return this.#states[state]?.bytesLeft ?? Number.POSITIVE_INFINITY
  }

  #push(to: number, below: Calls | null): Calls {
    const key = (below?.id ?? 0) * GRAMMAR_NODES_MAX + to
    const known = this.#calls.get(key)
    if (known) return known
    const bytes = (this.#grammar.bytesLeft[to] ?? 0) + (below?.bytes ?? 0)
    const made = { id: this.#calls.size + 1, to, below, depth: (below?.depth ?? 0) + 1, bytes }
    this.#calls.set(key, made)
    return made
  }

  #state(reached: readonly Way[]): number {
    const { nodes, bytesLeft, depthLeft } = this.#grammar
    const ways: Way[] = []
    const seen = new Set<number>()
    const open = [...reached].reverse()
    let ends = false
    let key = ''
    let nearest = Number.POSITIVE_INFINITY
    for (let way = open.pop(); way && seen.size < GRAMMAR_STEPS_MAX; way = open.pop()) {
      const { node, calls } = way
      const name = (calls?.id ?? 0) * GRAMMAR_NODES_MAX + node
      if (seen.has(name)) continue
      seen.add(name)
      if ((calls?.depth ?? 0) + (depthLeft[node] ?? Number.POSITIVE_INFINITY) > GRAMMAR_DEPTH_MAX) continue
      const { edges = [], free = [], call = null, accepts = false } = nodes[node] ?? {}
      if (accepts && calls) open.push({ node: calls.to, calls: calls.below })
      if (accepts && !calls) ends = true
      if (call) open.push({ node: call.start(), calls: this.#push(call.to, calls) })
      for (const to of [...free].reverse()) open.push({ node: to, calls })
      if (edges.length === 0 || ways.length >= GRAMMAR_WAYS_MAX) continue
      ways.push(way)
      key += `${name},`
      nearest = Math.min(nearest, (bytesLeft[node] ?? 0) + (calls?.bytes ?? 0))
    }
    if (ends) nearest = 0
    key += ends ? 'end' : ''
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const next = new Int32Array(256).fill(UNKNOWN)
    this.#states.push({ ways, ends, bytesLeft: nearest, next })
    this.#byKey.set(key, this.#states.length - 1)
    return this.#states.length - 1
  }
}
