/** Frames of one request that wait at a stage for their turn, or for a token or ids that belong to them. Bounded; runs nothing. */
import { FRAMES_WAITING_BYTES_MAX, FRAMES_WAITING_MAX } from '../wire/limits/mesh.ts'
import type { StageFrame } from '../wire/peer-frame.ts'

export type RowsFrame = Extract<StageFrame, { readonly type: 'tokens' | 'chained' | 'hidden' }>

export class WaitingFrames {
  #frames: RowsFrame[] = []
  #bytes = 0

  get first(): RowsFrame | undefined {
    return this.#frames[0]
  }

  get length(): number {
    return this.#frames.length
  }

  /** Null where there is room for one more. */
  whyNot(frame: StageFrame): string | null {
    if (this.#frames.length >= FRAMES_WAITING_MAX) return `${FRAMES_WAITING_MAX} frames wait already`
    return this.#bytes + bytesOf(frame) > FRAMES_WAITING_BYTES_MAX ? 'too many bytes wait already' : null
  }

  add(frame: RowsFrame): void {
    this.#frames.push(frame)
    this.#bytes += bytesOf(frame)
  }

  shift(): void {
    const frame = this.#frames.shift()
    if (frame) this.#bytes -= bytesOf(frame)
  }

  clear(): void {
    this.#frames = []
    this.#bytes = 0
  }
}

function bytesOf(frame: StageFrame): number {
  if (frame.type === 'hidden') return frame.rows.byteLength
  return frame.type === 'tokens' ? frame.ids.byteLength : 0
}
