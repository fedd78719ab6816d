/**
 * Which tokens may come next in an answer that is held to a grammar: one bit a token. A function of the grammar, the tokens
 * so far and how many may still come, so that a replay masks alike. Near the limit only tokens stay after which the answer
 * can still be closed in time, one byte a token. It draws nothing.
 */
import { utf8 } from '../wire/device-keys.ts'
import { GRAMMAR_MASKS_MAX, GRAMMAR_STATES_MAX } from '../wire/limits/engine.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { Automaton, DEAD } from './json-automaton.ts'
import { type Grammar, grammarOf } from './json-grammar.ts'
import { readJsonSchema } from './json-schema.ts'

/** As `tokens/codec.ts` makes it: bytes of token i are `bytes.subarray(offsets[i], offsets[i + 1])`. */
export interface TokenBytes {
  readonly bytes: Uint8Array
  readonly offsets: Uint32Array
  readonly endTokens: readonly number[]
}

/** What an answer is held to, and how far it is. */
export interface Constraint {
  /** JSON text of the schema. */
  readonly schema: string
  /** Of the answer, where an engine goes on from text: it comes before `tokens`. */
  readonly text: string
  readonly tokens: readonly number[]
  /** Tokens that may still come, the one to be drawn among them. */
  readonly left: number
}

/** Tokens with bytes, ordered by them, so that what neighbours share is walked once. */
class SortedTokens {
  readonly ids: Uint32Array
  /** Bytes that a token shares with the one before it. */
  readonly shared: Uint16Array
  readonly #of: TokenBytes

  constructor(of: TokenBytes) {
    this.#of = of
    const count = of.offsets.length - 1
    const ends = new Set(of.endTokens)
    const ids: number[] = []
    for (let id = 0; id < count; id += 1) if (this.length(id) > 0 && !ends.has(id)) ids.push(id)
    ids.sort((a, b) => this.#compare(a, b))
    this.ids = Uint32Array.from(ids)
    this.shared = new Uint16Array(ids.length)
    for (let index = 1; index < ids.length; index += 1) {
      const [a, b] = [ids[index - 1] ?? 0, ids[index] ?? 0]
      const most = Math.min(this.length(a), this.length(b), 0xffff)
      let same = 0
      while (same < most && this.byte(a, same) === this.byte(b, same)) same += 1
      this.shared[index] = same
    }
  }

  length(id: number): number {
    return (this.#of.offsets[id + 1] ?? 0) - (this.#of.offsets[id] ?? 0)
  }

  byte(id: number, index: number): number {
    return this.#of.bytes[(this.#of.offsets[id] ?? 0) + index] ?? 0
  }

  #compare(a: number, b: number): number {
    const most = Math.min(this.length(a), this.length(b))
    for (let index = 0; index < most; index += 1) {
      const by = this.byte(a, index) - this.byte(b, index)
      if (by !== 0) return by
    }
    return this.length(a) - this.length(b) || a - b
  }
}

/** What may follow in one state, and of all states that a token leads to the most bytes that one needs to its end. */
interface Follow {
  readonly mask: Uint32Array
  readonly bytesMost: number
}

const setBit = (mask: Uint32Array, id: number) => {
  mask[id >>> 5] = (mask[id >>> 5] ?? 0) | (1 << (id & 31))
}

/** Of one vocabulary. Keeps the automaton of the newest schema. */
export class TokenMasks {
  readonly #vocabulary: TokenBytes
  readonly #words: number
  #sorted: SortedTokens | null = null
  #schema: string | null = null
  #grammar: Grammar | null = null
  #automaton: Automaton | null = null
  readonly #follows = new Map<number, Follow>()
  /** How far the newest answer was followed. */
  #walked: { readonly text: string; readonly tokens: number[]; state: number } | null = null

  /** `size`: tokens that the model gives logits of; it may have more than the vocabulary names. */
  constructor(vocabulary: TokenBytes, size: number) {
    this.#vocabulary = vocabulary
    this.#words = Math.ceil(size / 32)
  }

  /**
   * Refusals: `schema-invalid`; `schema-unmet` where the answer so far does not fit the schema, or too few tokens are left to
   * close it.
   */
  mask(constraint: Constraint): Result<Uint32Array> {
    for (let tries = 0; tries < 2; tries += 1) {
      const automaton = this.#take(constraint.schema)
      if (!automaton.ok) return automaton
      const state = this.#walk(automaton.value, constraint)
      if (state === DEAD) return fail('schema-unmet', 'The answer so far does not fit the schema.')
      const mask = this.#maskOf(automaton.value, state, constraint.left)
      // Once more with an automaton that has met nothing yet: what it then says hangs on no history.
      if (mask === null) continue
      return mask.some((word) => word !== 0)
        ? ok(mask)
        : fail('schema-unmet', `${constraint.left} more tokens cannot close the answer.`)
    }
    return fail('schema-invalid', `# leads to more than ${GRAMMAR_STATES_MAX} states at once.`)
  }

  #take(schema: string): Result<Automaton> {
    if (this.#schema === schema && this.#automaton && !this.#automaton.full) return ok(this.#automaton)
    if (this.#schema !== schema || !this.#grammar) {
      const read = readJsonSchema(schema)
      if (!read.ok) return read
      const grammar = grammarOf(read.value)
      if (!grammar.ok) return grammar
      this.#grammar = grammar.value
    }
    this.#schema = schema
    this.#automaton = new Automaton(this.#grammar)
    this.#follows.clear()
    this.#walked = null
    return ok(this.#automaton)
  }

  #walk(automaton: Automaton, { text, tokens }: Constraint): number {
    let walked = this.#walked
    const goesOn =
      walked !== null &&
      walked.text === text &&
      walked.tokens.length <= tokens.length &&
      walked.tokens.every((id, index) => id === tokens[index])
    if (walked === null || !goesOn) {
      let state = automaton.start
      for (const byte of utf8(text)) state = automaton.next(state, byte)
      walked = { text, tokens: [], state }
    }
    const { bytes, offsets } = this.#vocabulary
    for (const id of tokens.slice(walked.tokens.length)) {
      for (let at = offsets[id] ?? 0; at < (offsets[id + 1] ?? 0); at += 1)
        walked.state = automaton.next(walked.state, bytes[at] ?? 0)
      walked.tokens.push(id)
    }
    this.#walked = walked
    return walked.state
  }

  /** One token of those left is to end the answer. Null where the automaton is full. */
  #maskOf(automaton: Automaton, state: number, left: number): Uint32Array | null {
    let follow = this.#follows.get(state) ?? null
    if (!follow) {
      if (this.#follows.size >= GRAMMAR_MASKS_MAX) this.#follows.clear()
      follow = this.#follow(automaton, state, Number.POSITIVE_INFINITY)
      if (follow === null) return null
      this.#follows.set(state, follow)
    }
    return follow.bytesMost + 1 < left ? follow.mask.slice() : (this.#follow(automaton, state, left - 2)?.mask ?? null)
  }

  /** Tokens after which at most `bytes` are needed to an end. */
  #follow(automaton: Automaton, start: number, bytes: number): Follow | null {
    this.#sorted ??= new SortedTokens(this.#vocabulary)
    const sorted = this.#sorted
    const mask = new Uint32Array(this.#words)
    // `path[n]`: the state after n bytes of the token before, up to the first byte that cannot follow.
    const path: number[] = [start]
    let bytesMost = 0
    for (const [index, id] of sorted.ids.entries()) {
      if (automaton.full) return null
      path.length = Math.min(path.length, (sorted.shared[index] ?? 0) + 1)
      const length = sorted.length(id)
      let at = path.at(-1) ?? DEAD
      while (at !== DEAD && path.length <= length) {
        at = automaton.next(at, sorted.byte(id, path.length - 1))
        path.push(at)
      }
      const left = at === DEAD ? Number.POSITIVE_INFINITY : automaton.bytesLeft(at)
      if (at === DEAD || left > bytes) continue
      setBit(mask, id)
      bytesMost = Math.max(bytesMost, left)
    }
    if (automaton.ends(start)) for (const id of this.#vocabulary.endTokens) setBit(mask, id)
    return { mask, bytesMost }
  }
}
