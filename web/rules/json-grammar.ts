/**
 * A grammar of bytes from a JSON schema: rules that call each other, each a graph of byte ranges. The form of the answers
 * is narrower than the schema: properties in the schema's order, at most one space before the value, after `:` and after
 * `,`, numbers of at most 15 digits a part, strings in UTF-8 with escapes. It runs nothing: `json-automaton.ts` does.
 */
import { utf8 } from '../wire/device-keys.ts'
import { GRAMMAR_DEPTH_MAX, GRAMMAR_NODES_MAX } from '../wire/limits/engine.ts'
import { FailureError, fail, ok, type Result } from '../wire/result.ts'
import type { JsonSchema, SchemaDocument, SchemaProperty } from './json-schema.ts'

export interface Edge {
  readonly low: number
  readonly high: number
  readonly to: number
}

/** At most one of these is not empty: bytes, or ways that cost nothing, or a call of a rule that comes back to `to`. */
export interface GrammarNode {
  readonly edges: readonly Edge[]
  readonly free: readonly number[]
  readonly call: { readonly start: () => number; readonly to: number } | null
  /** The rule ends here. */
  readonly accepts: boolean
}

export interface Grammar {
  readonly nodes: readonly GrammarNode[]
  readonly start: number
  /** Bytes to the end of a node's rule at least, and calls open at once on some way there at least. */
  readonly bytesLeft: Float64Array
  readonly depthLeft: Float64Array
}

const DIGITS_MAX = 15
const EXPONENT_DIGITS_MAX = 2
const [QUOTE, BACKSLASH, SPACE] = [0x22, 0x5c, 0x20]
const HEX: readonly (readonly [number, number])[] = [
  [0x30, 0x39],
  [0x41, 0x46],
  [0x61, 0x66],
]

/** Graphs are built from their end: each part is told where it goes on. */
class Builder {
  readonly nodes: GrammarNode[] = []
  readonly #document: SchemaDocument
  readonly #rules = new Map<string, number>()
  readonly #waiting: { readonly name: string; readonly schema: JsonSchema }[] = []

  constructor(document: SchemaDocument) {
    this.#document = document
  }

  build(): number {
    const start = this.#spaceThen(this.#call('', this.#document.root, this.#end()))
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift())
      this.#rules.set(next.name, this.#value(next.schema, this.#end()))
    return start
  }

  #add(node: Partial<GrammarNode>): number {
    if (this.nodes.length >= GRAMMAR_NODES_MAX)
      throw new FailureError(fail('schema-invalid', `# makes a grammar of more than ${GRAMMAR_NODES_MAX} nodes.`))
    this.nodes.push({ edges: [], free: [], call: null, accepts: false, ...node })
    return this.nodes.length - 1
  }

  readonly #end = () => this.#add({ accepts: true })
  readonly #free = (...free: number[]) => this.#add({ free })
  readonly #byte = (low: number, to: number, high = low) => this.#add({ edges: [{ low, high, to }] })
  readonly #bytes = (ranges: readonly (readonly [number, number])[], to: number) =>
    this.#add({ edges: ranges.map(([low, high]) => ({ low, high, to })) })
  readonly #spaceThen = (to: number) => this.#free(to, this.#byte(SPACE, to))

  #text(text: string, to: number): number {
    return utf8(text).reduceRight((next, byte) => this.#byte(byte, next), to)
  }

  /** A call of the rule with this name; what it says is built once. */
  #call(name: string, schema: JsonSchema, to: number): number {
    if (!this.#rules.has(name)) {
      this.#rules.set(name, -1)
      this.#waiting.push({ name, schema })
    }
    return this.#add({ call: { start: () => this.#rules.get(name) ?? -1, to } })
  }

  /** A value that stands here. Strings and numbers are long graphs, and the same everywhere. */
  #part(schema: JsonSchema, to: number): number {
    switch (schema.kind) {
      case 'string':
      case 'number':
      case 'integer':
        return this.#call(` ${schema.kind}`, schema, to)
      default:
        return this.#value(schema, to)
    }
  }

  #value(schema: JsonSchema, to: number): number {
    switch (schema.kind) {
      case 'any-of':
        return this.#free(...schema.options.map((option) => this.#part(option, to)))
      case 'literals':
        return this.#free(...schema.texts.map((text) => this.#text(text, to)))
      case 'ref': {
        const target = this.#document.definitions.get(schema.name)
        return target ? this.#call(schema.name, target, to) : this.#free()
      }
      case 'object':
        return this.#object(schema.properties, to)
      case 'array':
        return this.#array(schema, to)
      case 'string':
        return this.#string(to)
      case 'number':
        return this.#number(to)
      case 'integer':
        return this.#integer(to)
      case 'boolean':
        return this.#free(this.#text('true', to), this.#text('false', to))
      case 'null':
        return this.#text('null', to)
      default:
        return schema satisfies never
    }
  }

  /** From the last property to the first; each has two ways in: as the first that is written, and after another. */
  #object(properties: readonly SchemaProperty[], to: number): number {
    const close = this.#text('}', to)
    let [first, later] = [close, close]
    for (const { name, schema, required } of [...properties].reverse()) {
      const value = this.#spaceThen(this.#part(schema, later))
      const key = this.#text(`${JSON.stringify(name)}:`, value)
      const after = this.#byte(0x2c, this.#spaceThen(key))
      ;[first, later] = required ? [key, after] : [this.#free(key, first), this.#free(after, later)]
    }
    return this.#byte(0x7b, first)
  }

  #array({ items, min, max }: Extract<JsonSchema, { kind: 'array' }>, to: number): number {
    const close = this.#text(']', to)
    const name = ` item ${this.nodes.length}`
    const item = (next: number) => this.#call(name, items, next)
    const comma = (next: number) => this.#byte(0x2c, this.#spaceThen(next))
    if (max === 0) return this.#byte(0x5b, close)
    // What may stand after `count` items, from the most to the fewest.
    let after = close
    if (max === null) {
      const node = this.#add({})
      const edges = [...this.#edgesOf(close), ...this.#edgesOf(comma(item(node)))]
      this.nodes[node] = { edges, free: [], call: null, accepts: false }
      after = node
    }
    const most = max ?? Math.max(min, 1)
    for (let count = most - 1; count >= 1; count -= 1) {
      const more = comma(item(after))
      after = count >= min ? this.#free(close, more) : more
    }
    const some = item(after)
    return this.#byte(0x5b, min === 0 ? this.#free(close, some) : some)
  }

  #edgesOf(node: number): readonly Edge[] {
    return this.nodes[node]?.edges ?? []
  }

  #string(to: number): number {
    const inside = this.#add({})
    const tail = (low = 0x80, high = 0xbf, next = inside) => this.#byte(low, next, high)
    const [one, two, three] = [tail(), tail(0x80, 0xbf, tail()), tail(0x80, 0xbf, tail(0x80, 0xbf, tail()))]
    const hex = (next: number) => this.#bytes(HEX, next)
    const [hex2, hex3] = [hex(hex(inside)), hex(hex(hex(inside)))]
    const low = this.#byte(0x30, hex2, 0x37)
    // A surrogate alone is no character: `\ud8..` to `\udf..` is left out, and written in UTF-8 instead.
    const unicode = this.#add({
      edges: [
        { low: 0x30, high: 0x39, to: hex3 },
        { low: 0x41, high: 0x43, to: hex3 },
        { low: 0x45, high: 0x46, to: hex3 },
        { low: 0x61, high: 0x63, to: hex3 },
        { low: 0x65, high: 0x66, to: hex3 },
        { low: 0x44, high: 0x44, to: low },
        { low: 0x64, high: 0x64, to: low },
      ],
    })
    const escapes = [...utf8('"\\/bfnrt')].map((byte) => ({ low: byte, high: byte, to: inside }))
    const escaped = this.#add({ edges: [...escapes, { low: 0x75, high: 0x75, to: unicode }] })
    this.nodes[inside] = {
      edges: [
        { low: QUOTE, high: QUOTE, to },
        { low: BACKSLASH, high: BACKSLASH, to: escaped },
        { low: SPACE, high: 0x21, to: inside },
        { low: 0x23, high: 0x5b, to: inside },
        { low: 0x5d, high: 0x7f, to: inside },
        { low: 0xc2, high: 0xdf, to: one },
        { low: 0xe0, high: 0xe0, to: tail(0xa0, 0xbf, one) },
        { low: 0xe1, high: 0xec, to: two },
        { low: 0xed, high: 0xed, to: tail(0x80, 0x9f, one) },
        { low: 0xee, high: 0xef, to: two },
        { low: 0xf0, high: 0xf0, to: tail(0x90, 0xbf, two) },
        { low: 0xf1, high: 0xf3, to: three },
        { low: 0xf4, high: 0xf4, to: tail(0x80, 0x8f, two) },
      ],
      free: [],
      call: null,
      accepts: false,
    }
    return this.#byte(QUOTE, inside)
  }

  /** Up to `count` more digits. */
  #digits(count: number, to: number): number {
    let node = to
    for (let left = count; left > 0; left -= 1) node = this.#free(to, this.#byte(0x30, node, 0x39))
    return node
  }

  #integer(to: number): number {
    const whole = this.#free(this.#byte(0x30, to), this.#byte(0x31, this.#digits(DIGITS_MAX - 1, to), 0x39))
    return this.#free(whole, this.#byte(0x2d, whole))
  }

  #number(to: number): number {
    const digits = this.#byte(0x30, this.#digits(EXPONENT_DIGITS_MAX - 1, to), 0x39)
    const signed = this.#free(
      digits,
      this.#bytes(
        [
          [0x2b, 0x2b],
          [0x2d, 0x2d],
        ],
        digits,
      ),
    )
    const exponent = this.#free(
      to,
      this.#bytes(
        [
          [0x45, 0x45],
          [0x65, 0x65],
        ],
        signed,
      ),
    )
    const fraction = this.#byte(0x2e, this.#byte(0x30, this.#digits(DIGITS_MAX - 1, exponent), 0x39))
    return this.#integer(this.#free(exponent, fraction))
  }
}

/** The least fixed point of one figure over the graph: what is not reached stays infinite. */
function least(nodes: readonly GrammarNode[], of: (node: GrammarNode, known: Float64Array) => number): Float64Array {
  const known = new Float64Array(nodes.length).fill(Number.POSITIVE_INFINITY)
  for (let changed = true; changed; ) {
    changed = false
    for (const [index, node] of nodes.entries()) {
      const value = of(node, known)
      if (value >= (known[index] ?? 0)) continue
      known[index] = value
      changed = true
    }
  }
  return known
}

const at = (known: Float64Array, node: number) => known[node] ?? Number.POSITIVE_INFINITY

function measure(node: GrammarNode, known: Float64Array, byte: number, call: (start: number, to: number) => number) {
  let best = node.accepts ? 0 : Number.POSITIVE_INFINITY
  for (const { to } of node.edges) best = Math.min(best, byte + at(known, to))
  for (const to of node.free) best = Math.min(best, at(known, to))
  if (node.call) best = Math.min(best, call(at(known, node.call.start()), at(known, node.call.to)))
  return best
}

/** True where a rule may call itself again before it has read a byte: no answer has an end there. */
function loops(nodes: readonly GrammarNode[], start: number): boolean {
  const done = new Set<number>()
  const open = new Set<number>()
  const visit = (node: number): boolean => {
    if (open.has(node)) return true
    if (done.has(node)) return false
    open.add(node)
    const { free = [], call = null } = nodes[node] ?? {}
    const found = free.some(visit) || (call !== null && visit(call.start()))
    open.delete(node)
    done.add(node)
    return found
  }
  return nodes.some((_, node) => visit(node)) || visit(start)
}

/** Refusals: `schema-invalid` where no answer of it would ever end, or the grammar is too large. */
export function grammarOf(document: SchemaDocument): Result<Grammar> {
  try {
    const builder = new Builder(document)
    const start = builder.build()
    const { nodes } = builder
    if (loops(nodes, start)) return fail('schema-invalid', '# refers to itself without anything between.')
    const bytesLeft = least(nodes, (node, known) => measure(node, known, 1, (called, to) => called + to))
    const depthLeft = least(nodes, (node, known) => measure(node, known, 0, (called, to) => Math.max(called + 1, to)))
    return at(depthLeft, start) <= GRAMMAR_DEPTH_MAX
      ? ok({ nodes, start, bytesLeft, depthLeft })
      : fail('schema-invalid', `# has no value that is less than ${GRAMMAR_DEPTH_MAX} deep.`)
  } catch (error) {
    if (error instanceof FailureError) return error.failure
    throw error
  }
}
