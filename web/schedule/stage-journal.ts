/**
 * What a stage has sent on for one request, so that it can feed whoever takes its neighbour's place. Bounded: past the
 * bound it keeps nothing, and the request is computed again from its tokens instead.
 */
import { DECODE_ROWS_MAX } from '../wire/limits/engine.ts'
import { JOURNAL_BYTES_MAX } from '../wire/limits/mesh.ts'
import { fail, ok, type Result } from '../wire/result.ts'

export interface SentRows {
  readonly position: number
  readonly count: number
  readonly mode: 'prefill' | 'decode'
  /** `[count, width]` */
  readonly rows: Float32Array
}

export class StageJournal {
  readonly #width: number
  #sent: SentRows[] = []
  #bytes = 0
  #short = false

  constructor(width: number) {
    this.#width = width
  }

  add(sent: SentRows): void {
    if (this.#short) return
    this.#bytes += sent.rows.byteLength
    this.#sent.push(sent)
    if (this.#bytes <= JOURNAL_BYTES_MAX) return
    this.#short = true
    this.#sent = []
    this.#bytes = 0
  }

  /** Forgets positions from `position` on. */
  cut(position: number): void {
    this.#sent = this.#sent.flatMap((sent) => this.#until(sent, position) ?? [])
    this.#bytes = this.#sent.reduce((sum, { rows }) => sum + rows.byteLength, 0)
    if (position === 0) this.#short = false
  }

  /**
   * `[0, position)` in frames that give the same bits: prefill chunks as they were, decode rows many at a time. Refusals:
   * `journal-short`.
   */
  upTo(position: number): Result<readonly SentRows[]> {
    const frames: SentRows[] = []
    let next = 0
    for (const whole of this.#sent) {
      const sent = this.#until(whole, position)
      if (!sent) break
      if (sent.position !== next) break
      next += sent.count
      const last = frames.at(-1)
      const joins = last?.mode === 'decode' && sent.mode === 'decode' && last.count + sent.count <= DECODE_ROWS_MAX
      if (last && joins) frames[frames.length - 1] = joined(last, sent)
      else frames.push(sent)
    }
    return next === position ? ok(frames) : fail('journal-short', `It has ${next} of ${position} positions.`)
  }

  #until(sent: SentRows, position: number): SentRows | null {
    if (sent.position >= position) return null
    const count = Math.min(sent.count, position - sent.position)
    return count === sent.count ? sent : { ...sent, count, rows: sent.rows.slice(0, count * this.#width) }
  }
}

function joined(a: SentRows, b: SentRows): SentRows {
  const rows = new Float32Array(a.rows.length + b.rows.length)
  rows.set(a.rows)
  rows.set(b.rows, a.rows.length)
  return { ...a, count: a.count + b.count, rows }
}
