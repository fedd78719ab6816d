/**
 * Peers and what is said of them everywhere: their names, the layers they hold, requests; and how each is read from
 * outside. What a whole message looks like stands with the message.
 */
import type { Code } from './codes.ts'
import { type PublicKeyText, parsePublicKey } from './device-keys.ts'
import { type FieldReader, type Fields, readerOf } from './fields.ts'
import { PEER_ID_CHARACTERS_MAX } from './limits/mesh.ts'
import { LAYERS_MAX } from './limits/models.ts'

/** `<key>/<run>`: a device key and a random id of this run, so that everybody can check what the peer signs. */
export type PeerId = string

/** Layers `[first, last)`. */
export interface LayerSpan {
  readonly first: number
  readonly last: number
}

const SHORT_PEER_CHARACTERS = 4
const RUN = /^[A-Za-z0-9_-]{22}$/
const MODEL_ID = /^[0-9a-f]{64}$/
const REQUEST_ID = /^[0-9a-f]{32}$/

export function peerIdOf(key: PublicKeyText, run: string): PeerId {
  return `${key}/${run}`
}

/** One of two stages that a tab has in its own route. Known in that tab only: others see the tab. */
export function seatOf(peer: PeerId, seat: 'first' | 'last'): string {
  return `${peer}#${seat}`
}

/** The tab of a seat; of anybody else, who it is. */
export function peerOfSeat(name: string): PeerId {
  return name.split('#', 1)[0] ?? name
}

/** Null for what is no peer id. */
export function keyOfPeer(peer: PeerId): PublicKeyText | null {
  const [key = '', run = '', ...more] = peer.split('/')
  return more.length === 0 && RUN.test(run) && parsePublicKey(key).ok ? key : null
}

/** The start of its random part: enough to tell the peers of one picture apart. */
export function shortPeer(peer: PeerId): string {
  return peer.split('/')[1]?.slice(0, SHORT_PEER_CHARACTERS) ?? ''
}

export interface PeerReader extends FieldReader {
  peer(fields: Fields, field: string): PeerId
  span(fields: Fields, field: string): LayerSpan
  modelId(fields: Fields, field: string): string
  /** 32 hexadecimal digits. */
  requestId(fields: Fields, field: string): string
  run(fields: Fields, field: string): string
}

export function peerReaderOf(code: Code): PeerReader {
  const reader = readerOf(code)
  const { record, refuse, words, whole } = reader
  const formed = (form: RegExp) => (fields: Fields, field: string) => {
    const text = words(fields, field, PEER_ID_CHARACTERS_MAX)
    return form.test(text) ? text : refuse(`\`${field}\``, 'is malformed')
  }
  return {
    ...reader,
    peer(fields, field) {
      const peer = words(fields, field, PEER_ID_CHARACTERS_MAX)
      return keyOfPeer(peer) === null ? refuse(`\`${field}\``, 'is no peer') : peer
    },
    span(fields, field) {
      const span = record(fields[field], `\`${field}\``)
      const [first, last] = [whole(span, 'first', LAYERS_MAX), whole(span, 'last', LAYERS_MAX)]
      return first < last ? { first, last } : refuse(`\`${field}\``, 'is empty')
    },
    modelId: formed(MODEL_ID),
    requestId: formed(REQUEST_ID),
    run: formed(RUN),
  }
}
