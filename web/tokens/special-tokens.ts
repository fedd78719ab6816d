/**
 * Finds the special tokens of a vocabulary inside a text. As in llama.cpp the longest token wins wherever it stands, not
 * the leftmost: `partition` gives its cuts. `SpecialTokens` never decides who may write one; callers pick the set.
 */

export type Span = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'token'; readonly id: number }

interface Node {
  readonly next: Map<number, Node>
  id: number | null
}

export class SpecialTokens {
  readonly #root: Node = { next: new Map(), id: null }
  /** Rank of each id: longest first, in UTF-8 bytes as llama.cpp counts. */
  readonly #order = new Map<number, number>()
  readonly #texts = new Map<number, string>()

  constructor(tokens: Iterable<readonly [id: number, text: string]>) {
    const encoder = new TextEncoder()
    const sized: { id: number; bytes: number }[] = []
    for (const [id, text] of tokens) {
      if (text === '') continue
      let node = this.#root
      for (let at = 0; at < text.length; at++) {
        const unit = text.charCodeAt(at)
        const next = node.next.get(unit) ?? { next: new Map(), id: null }
        node.next.set(unit, next)
        node = next
      }
      if (node.id !== null) this.#texts.delete(node.id)
      node.id = id
      this.#texts.set(id, text)
      sized.push({ id, bytes: encoder.encode(text).length })
    }
    sized.sort((a, b) => b.bytes - a.bytes || a.id - b.id)
    for (const [rank, { id }] of sized.entries()) this.#order.set(id, rank)
  }

  get size(): number {
    return this.#texts.size
  }

  texts(): Iterable<string> {
    return this.#texts.values()
  }

  /** Positions where a token begins, in order, overlapping ones included. */
  *occurrences(text: string): Generator<{ readonly at: number; readonly ids: readonly number[] }> {
    if (this.size === 0) return
    for (let at = 0; at < text.length; at++) {
      let node = this.#root.next.get(text.charCodeAt(at))
      if (!node) continue
      const ids: number[] = []
      for (let end = at + 1; node; end++) {
        if (node.id !== null) ids.push(node.id)
        if (end >= text.length) break
        node = node.next.get(text.charCodeAt(end))
      }
      if (ids.length > 0) yield { at, ids }
    }
  }

  partition(text: string): Span[] {
    const present = new Set<number>()
    for (const { ids } of this.occurrences(text)) for (const id of ids) present.add(id)
    const order = [...present].sort((a, b) => (this.#order.get(a) ?? 0) - (this.#order.get(b) ?? 0))
    let spans: Span[] = text === '' ? [] : [{ kind: 'text', text }]
    for (const id of order) {
      const token = this.#texts.get(id) ?? ''
      spans = spans.flatMap((span) =>
        span.kind === 'text' && span.text.includes(token) ? cut(span.text, token, id) : [span],
      )
    }
    return spans
  }
}

function cut(text: string, token: string, id: number): Span[] {
  const spans: Span[] = []
  for (const [index, part] of text.split(token).entries()) {
    if (index > 0) spans.push({ kind: 'token', id })
    if (part !== '') spans.push({ kind: 'text', text: part })
  }
  return spans
}
