/**
 * The Range header of RFC 9110, as far as a model file needs it: one range of bytes. Pure.
 */
import { RANGE_HEADER_CHARACTERS_MAX } from '../config.ts'

/** `last` is included, as in the header. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/**
 * `whole`: there is no range that must be honoured (none, malformed, or several, which a server may answer with all).
 * `unsatisfiable`: well formed, but nothing of the file lies in it.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  if (header === undefined || header.length > RANGE_HEADER_CHARACTERS_MAX) return 'whole'
  const match = /^bytes=\s*(\d{0,16})-(\d{0,16})\s*$/i.exec(header)
  if (!match) return 'whole'
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return 'whole'
  if (from === '') {
    const suffix = Math.min(Number(to), size)
    return suffix === 0 ? 'unsatisfiable' : { first: size - suffix, last: size - 1 }
  }
  const first = Number(from)
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (to !== '' && Number(to) < first) return 'whole'
  return first >= size ? 'unsatisfiable' : { first, last }
}
