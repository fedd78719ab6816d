/**
 * What stages send each other: one frame of a request as bytes, and back. Little-endian, a fixed header and a payload whose
 * length follows from the header, so that nothing is allocated for what was not sent. Every field is checked before it is
 * believed. Vectors: `peer-frame.vectors.json`.
 *
 *     0  u8   version             24  u32  position of the first row
 *     1  u8   type                28  u32  rows
 *     2  u8   flags               32  u32  values in a row; 0 unless hidden states follow
 *     3  u8   0                   36  u32  payload bytes
 *     4  u32  epoch               40  payload: u32 ids, f32 rows, or bytes of a part
 *     8  16 bytes of request id
 */
import { DECODE_ROWS_MAX, PREFILL_ROWS_MAX } from './limits/engine.ts'
import { JOB_INPUT_BYTES_MAX } from './limits/jobs.ts'
import { HIDDEN_WIDTH_MAX, PEER_FRAME_BYTES_MAX, POSITION_MAX } from './limits/links.ts'
import { assert, type Failure, fail, ok, type Result } from './result.ts'

const PEER_FRAME_VERSION = 1
export const PEER_FRAME_HEADER_BYTES = 40
const REQUEST_AT = 8
const REQUEST_BYTES = 16

/** Names a request on every link of its route. The asker draws it; the ticket is bound to it. 32 hexadecimal digits. */
export type RequestId = string

interface Addressed {
  readonly request: RequestId
  /** The asker's count of takeovers; a stage refuses frames of an older one. */
  readonly epoch: number
  readonly position: number
}

interface Rows extends Addressed {
  readonly count: number
  readonly mode: 'prefill' | 'decode'
  /** The tail draws a token after the last row. */
  readonly sample: boolean
  /** Rows that a stage was without: it computes them for its KV and sends nothing on. */
  readonly rebuild: boolean
}

/**
 * `tokens`: asker to first stage. `chained`: the same for the token that the tail will draw, whose id the tail sends to the
 * first stage itself. `hidden`: stage to stage, `[count, width]`. `ids`: asker to tail, the ids of rows that come as hidden
 * states, which no stage in the middle sees. `token`: tail to asker and first stage; `position` is where it will stand. `part`: a piece of a job, its
 * request or its answer (`job-parts.ts`); `position` numbers the pieces of each way from 0.
 */
export type PeerFrame =
  | (Rows & { readonly type: 'tokens'; readonly ids: Uint32Array })
  | (Rows & { readonly type: 'chained' })
  | (Rows & { readonly type: 'hidden'; readonly width: number; readonly rows: Float32Array })
  | (Addressed & { readonly type: 'ids'; readonly ids: Uint32Array })
  | (Addressed & { readonly type: 'token'; readonly id: number })
  | (Addressed & { readonly type: 'part'; readonly bytes: Uint8Array })

/** A piece of a job. */
export type PartFrame = Extract<PeerFrame, { readonly type: 'part' }>
/** What stages of a route send. */
export type StageFrame = Exclude<PeerFrame, PartFrame>

const TYPES = ['tokens', 'chained', 'hidden', 'ids', 'token', 'part'] as const
const PREFILL = 1
const SAMPLE = 2
const REBUILD = 4
const ROWS_TYPES: readonly PeerFrame['type'][] = ['tokens', 'chained', 'hidden']

assert(new Uint8Array(Uint32Array.of(1).buffer)[0] === 1, 'this machine is little-endian')

export function encodePeerFrame(frame: PeerFrame): Uint8Array<ArrayBuffer> {
  const payload = payloadOf(frame)
  const bytes = new Uint8Array(PEER_FRAME_HEADER_BYTES + payload.byteLength)
  const view = new DataView(bytes.buffer)
  bytes[0] = PEER_FRAME_VERSION
  bytes[1] = TYPES.indexOf(frame.type) + 1
  bytes[2] =
    'mode' in frame
      ? (frame.mode === 'prefill' ? PREFILL : 0) | (frame.sample ? SAMPLE : 0) | (frame.rebuild ? REBUILD : 0)
      : 0
  view.setUint32(4, frame.epoch, true)
  writeRequest(bytes, frame.request)
  view.setUint32(24, frame.position, true)
  view.setUint32(28, countOf(frame), true)
  view.setUint32(32, frame.type === 'hidden' ? frame.width : 0, true)
  view.setUint32(36, payload.byteLength, true)
  bytes.set(payload, PEER_FRAME_HEADER_BYTES)
  return bytes
}

/**
 * Refusals: `frame-invalid`, with what is wrong. Arrays of the value may be views of `bytes`, which the caller gives away.
 */
export function decodePeerFrame(bytes: Uint8Array): Result<PeerFrame> {
  if (bytes.length < PEER_FRAME_HEADER_BYTES) return invalid(`it has ${bytes.length} bytes`)
  if (bytes.length > PEER_FRAME_BYTES_MAX) return invalid(`it has ${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes[0] !== PEER_FRAME_VERSION) return invalid(`its version is ${bytes[0]}`)
  const type = TYPES[(bytes[1] ?? 0) - 1]
  if (!type) return invalid(`its type is ${bytes[1]}`)
  const flags = bytes[2] ?? 0
  const flagsMax = ROWS_TYPES.includes(type) ? PREFILL | SAMPLE | REBUILD : 0
  if ((flags & ~flagsMax) !== 0 || bytes[3] !== 0) return invalid('it has flags that mean nothing')
  const [epoch, position, count] = [view.getUint32(4, true), view.getUint32(24, true), view.getUint32(28, true)]
  const [width, payloadBytes] = [view.getUint32(32, true), view.getUint32(36, true)]
  const mode = (flags & PREFILL) !== 0 ? 'prefill' : 'decode'
  const rowsMax = ROWS_TYPES.includes(type) && mode === 'decode' ? DECODE_ROWS_MAX : PREFILL_ROWS_MAX
  if (count < 1 || count > rowsMax) return invalid(`it has ${count} rows`)
  if (position + count > POSITION_MAX) return invalid(`it ends at position ${position + count}`)
  if ((type === 'token' || type === 'chained' || type === 'part') && count !== 1) return invalid(`it has ${count} rows`)
  if (type === 'hidden' ? width < 1 || width > HIDDEN_WIDTH_MAX : width !== 0)
    return invalid(`a row has ${width} values`)
  const isPart = type === 'part'
  if (isPart && (payloadBytes < 1 || payloadBytes > JOB_INPUT_BYTES_MAX))
    return invalid(`a part has ${payloadBytes} bytes`)
  const wanted = isPart ? payloadBytes : 4 * (type === 'hidden' ? count * width : type === 'chained' ? 0 : count)
  if (payloadBytes !== wanted || bytes.length !== PEER_FRAME_HEADER_BYTES + wanted) {
    return invalid(`its payload has ${payloadBytes} bytes of ${wanted}`)
  }
  const at = { request: readRequest(bytes), epoch, position }
  const rows = { ...at, count, mode, sample: (flags & SAMPLE) !== 0, rebuild: (flags & REBUILD) !== 0 } as const
  switch (type) {
    case 'tokens':
      return ok({ ...rows, type, ids: words(bytes) })
    case 'chained':
      return ok({ ...rows, type })
    case 'hidden': {
      const { buffer, byteOffset, length } = words(bytes)
      const values = new Float32Array(buffer, byteOffset, length)
      return allFinite(values)
        ? ok({ ...rows, type, width, rows: values })
        : invalid('it holds values that are no numbers')
    }
    case 'ids':
      return ok({ ...at, type, ids: words(bytes) })
    case 'token':
      return ok({ ...at, type, id: view.getUint32(PEER_FRAME_HEADER_BYTES, true) })
    case 'part':
      return ok({ ...at, type, bytes: bytes.subarray(PEER_FRAME_HEADER_BYTES) })
    default:
      return type satisfies never
  }
}

function invalid(what: string): Failure {
  return fail('frame-invalid', `A frame of a peer was refused: ${what}.`)
}

function countOf(frame: PeerFrame): number {
  if (frame.type === 'ids') return frame.ids.length
  return frame.type === 'token' || frame.type === 'part' ? 1 : frame.count
}

function payloadOf(frame: PeerFrame): Uint8Array {
  switch (frame.type) {
    case 'tokens':
    case 'ids':
      return bytesOf(frame.ids)
    case 'chained':
      return new Uint8Array(0)
    case 'hidden':
      return bytesOf(frame.rows)
    case 'token':
      return bytesOf(Uint32Array.of(frame.id))
    case 'part':
      return frame.bytes
    default:
      return frame satisfies never
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** The payload without a copy where it lies on a word. */
function words(bytes: Uint8Array): Uint32Array {
  const from = bytes.byteOffset + PEER_FRAME_HEADER_BYTES
  if (from % 4 === 0) return new Uint32Array(bytes.buffer, from, (bytes.length - PEER_FRAME_HEADER_BYTES) / 4)
  return new Uint32Array(bytes.slice(PEER_FRAME_HEADER_BYTES).buffer)
}

/** An exponent of all ones is an infinity or no number: it would poison every later token in silence. */
export function allFinite({ buffer, byteOffset, length }: Float32Array): boolean {
  const words = new Uint32Array(buffer, byteOffset, length)
  for (const word of words) if ((word & 0x7f800000) === 0x7f800000) return false
  return true
}

function writeRequest(bytes: Uint8Array, request: RequestId): void {
  assert(/^[0-9a-f]{32}$/.test(request), 'a request id has 32 hexadecimal digits')
  for (let index = 0; index < REQUEST_BYTES; index += 1) {
    bytes[REQUEST_AT + index] = Number.parseInt(request.slice(2 * index, 2 * index + 2), 16)
  }
}

function readRequest(bytes: Uint8Array): RequestId {
  let text = ''
  for (const byte of bytes.subarray(REQUEST_AT, REQUEST_AT + REQUEST_BYTES)) text += byte.toString(16).padStart(2, '0')
  return text
}
