/**
 * SentencePiece BPE as llama.cpp runs it (`tokenizer.ggml.model` = `llama`): neighbours whose join is a token are merged,
 * the best score first and the leftmost of equals; what is no token in the end becomes its bytes. Written here because
 * tokenizer.json knows merges by rank only, and equal scores have none. Time is n log n, whatever the text.
 */
import type { EncodeText } from './byte-level-bpe.ts'
import { CONTROL, type TokenizerFacts, type TokenizerKind, UNKNOWN } from './tokenizer-facts.ts'

/** U+2581 stands for a space inside the vocabulary. */
export const SPACE_MARK = '\u2581'
const encoder = new TextEncoder()

interface Join {
  readonly left: number
  readonly right: number
  readonly score: number
  /** End of the joined text: a join is stale when its halves have changed since. */
  readonly end: number
}

function before(a: Join, b: Join): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left)
}

function push(heap: Join[], join: Join): void {
  let at = heap.length
  heap.push(join)
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above]
    if (!parent || !before(join, parent)) break
    heap[at] = parent
    at = above
  }
  heap[at] = join
}

function pop(heap: Join[]): Join | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (!top || !last || heap.length === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    const left = heap[child]
    const right = heap[child + 1]
    if (!left) break
    const best = right && before(right, left) ? right : left
    if (best === right) child++
    if (!before(best, last)) break
    heap[at] = best
    at = child
  }
  heap[at] = last
  return top
}

/** Start of each character, and the end of the text after the last. */
function characterStarts(text: string): Int32Array {
  const starts = new Int32Array(text.length + 1)
  let count = 0
  for (let at = 0; at < text.length; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) starts[count++] = at
  starts[count] = text.length
  return starts.subarray(0, count + 1)
}

/** Start and end in `text` of each symbol that is left when no more neighbours join. */
function mergeSymbols(text: string, scoreOf: (symbol: string) => number | undefined): [start: number, end: number][] {
  const starts = characterStarts(text)
  const count = starts.length - 1
  const end = new Int32Array(count)
  const next = new Int32Array(count)
  const previous = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    end[i] = starts[i + 1] ?? 0
    next[i] = i + 1 < count ? i + 1 : -1
    previous[i] = i - 1
  }
  const heap: Join[] = []
  const consider = (left: number, right: number) => {
    if (left < 0 || right < 0) return
    const stop = end[right] ?? 0
    const score = scoreOf(text.slice(starts[left], stop))
    if (score !== undefined) push(heap, { left, right, score, end: stop })
  }
  for (let i = 1; i < count; i++) consider(i - 1, i)
  for (let join = pop(heap); join; join = pop(heap)) {
    const { left, right } = join
    // A swallowed symbol has end -1; a grown right half ends later than the join.
    if (end[left] === -1 || next[left] !== right || end[right] !== join.end) continue
    end[left] = join.end
    end[right] = -1
    const after = next[right] ?? -1
    next[left] = after
    if (after >= 0) previous[after] = left
    consider(previous[left] ?? -1, left)
    consider(left, after)
  }
  const symbols: [number, number][] = []
  for (let i = count > 0 ? 0 : -1; i >= 0; i = next[i] ?? -1) symbols.push([starts[i] ?? 0, end[i] ?? 0])
  return symbols
}

export function createSentencePiece(facts: TokenizerFacts, kind: Extract<TokenizerKind, { kind: 'spm' }>): EncodeText {
  const ids = new Map<string, number>()
  let unknown: number | null = null
  for (const [id, token] of facts.tokens.entries()) {
    if (facts.types[id] === UNKNOWN) unknown ??= id
    else if (facts.types[id] !== CONTROL && token !== '') ids.set(token, id)
  }
  const scoreOf = (symbol: string) => {
    const id = ids.get(symbol)
    return id === undefined ? undefined : kind.scores[id]
  }
  const byteId = (byte: number) => ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`) ?? unknown

  return (text, atStart) => {
    if (text === '') return []
    const escaped = ((kind.addSpacePrefix && atStart ? ' ' : '') + text).replaceAll(' ', SPACE_MARK)
    const out: number[] = []
    for (const [start, end] of mergeSymbols(escaped, scoreOf)) {
      const symbol = escaped.slice(start, end)
      const id = ids.get(symbol)
      if (id !== undefined) out.push(id)
      else for (const byte of encoder.encode(symbol)) pushIfAny(out, byteId(byte))
    }
    return out
  }
}

function pushIfAny(ids: number[], id: number | null): void {
  if (id !== null) ids.push(id)
}
