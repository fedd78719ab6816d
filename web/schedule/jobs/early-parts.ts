/** Requests of jobs that came before the word that opens them: the two channels of a link have no order between them. */
import { JOB_EARLY_BYTES_MAX } from '../../wire/limits/jobs.ts'
import type { PartFrame } from '../../wire/peer-frame.ts'

export class EarlyParts {
  /** By who sent it, for which try of which job; the oldest first. */
  readonly #parts = new Map<string, PartFrame>()
  #bytes = 0

  keep(from: string, part: PartFrame): void {
    if (part.bytes.length > JOB_EARLY_BYTES_MAX) return
    this.take(from, part.request, part.epoch)
    this.#parts.set(keyOf(from, part.request, part.epoch), part)
    this.#bytes += part.bytes.length
    for (const [key, { bytes }] of this.#parts) {
      if (this.#bytes <= JOB_EARLY_BYTES_MAX) return
      this.#parts.delete(key)
      this.#bytes -= bytes.length
    }
  }

  take(from: string, request: string, epoch: number): PartFrame | null {
    const key = keyOf(from, request, epoch)
    const part = this.#parts.get(key) ?? null
    if (part) this.#bytes -= part.bytes.length
    this.#parts.delete(key)
    return part
  }

  gone(peer: string): void {
    for (const [key, { bytes }] of this.#parts) {
      if (!key.startsWith(`${peer} `)) continue
      this.#parts.delete(key)
      this.#bytes -= bytes.length
    }
  }
}

const keyOf = (from: string, request: string, epoch: number) => `${from} ${request} ${epoch}`
