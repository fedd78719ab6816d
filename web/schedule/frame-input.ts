/** What a stage computes for rows that have come, once all that belongs to them is here. Pure. */
import type { FrameInput } from '../engine/stage.ts'
import type { RowsFrame } from './waiting-frames.ts'

export interface RowsInput {
  readonly input: FrameInput
  /** Of the tail's rows, for its sampler. */
  readonly ids?: Uint32Array
}

/** `known`: ids by position. Null while something that belongs to the frame is still on its way. */
export function inputOf(frame: RowsFrame, tail: boolean, known: ReadonlyMap<number, number>): RowsInput | null {
  if (frame.type === 'tokens') return { input: { kind: 'tokens', ids: frame.ids } }
  if (frame.type === 'chained') {
    if (tail) return { input: { kind: 'chained' } }
    const id = known.get(frame.position)
    return id === undefined ? null : { input: { kind: 'tokens', ids: Uint32Array.of(id) } }
  }
  const input = { kind: 'hidden', rows: frame.rows } as const
  if (!tail) return { input }
  const ids = Array.from({ length: frame.count }, (_, index) => known.get(frame.position + index))
  return ids.every((id) => id !== undefined) ? { input, ids: Uint32Array.from(ids) } : null
}
