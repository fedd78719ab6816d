/**
 * A link over WebRTC, and the only file that knows simple-peer. It makes two channels on one connection: control is
 * simple-peer's own, tensors are a second one made with the browser's interface. What the two sides tell each other to
 * connect is sealed by the caller: a description whose fingerprint the peer's device key has not signed is refused.
 */
import SimplePeer from 'simple-peer/simplepeer.min.js'
import { CONNECT_MS_MAX, CONTROL_BYTES_MAX } from '../wire/limits/links.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { IceRestart } from './ice-restart.ts'
import { type Link, PipeLink } from './link.ts'
import { ChannelPipe, type DataChannel } from './pipe.ts'

/** An offer, an answer or a candidate, as WebRTC writes it. */
export type Description =
  | { readonly type: 'offer' | 'answer'; readonly sdp: string }
  | { readonly type: 'candidate'; readonly candidate: RTCIceCandidateInit }

/** Carries descriptions to the other side and back, and stands for who says them. */
export interface Signalling {
  send(description: Description): Promise<void>
  /** Only what the peer has signed reaches the listener. */
  onDescription(listener: (description: Description) => void): void
}

export interface WebRtcWish {
  readonly peer: string
  /** Exactly one side is. */
  readonly initiator: boolean
  readonly signalling: Signalling
  /** Always given: without it simple-peer would ask public servers. */
  readonly iceServers: readonly RTCIceServer[]
  /** Hides the own address from the peer. */
  readonly relayOnly: boolean
}

export interface WebRtcLink extends Link {
  /** How packets travel now; null while that is not known. */
  path(): Promise<LinkPath | null>
}

export interface LinkPath {
  readonly relayed: boolean
  readonly roundTripMs: number | null
}

const TENSORS = { id: 1, label: 'tensors' } as const

/** Refusals: `link-failed`, `aborted`. */
export function connectWebRtc(wish: WebRtcWish, signal: AbortSignal): Promise<Result<WebRtcLink>> {
  const { initiator, iceServers, relayOnly, signalling } = wish
  const peer = new SimplePeer({
    initiator,
    trickle: true,
    config: { iceServers: [...iceServers], iceTransportPolicy: relayOnly ? 'relay' : 'all' },
    channelName: 'control',
    // Both sides know it, so no word has to travel before the first message.
    channelConfig: { negotiated: true, id: 0 },
  })
  const connection = peer._pc
  const tensors = connection?.createDataChannel(TENSORS.label, { negotiated: true, id: TENSORS.id })
  return new Promise((resolve) => {
    const settle = (result: Result<WebRtcLink>) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      if (!result.ok) peer.destroy()
      resolve(result)
    }
    const onAbort = () => settle(fail('aborted', ''))
    const timer = setTimeout(() => settle(fail('link-failed', 'No way to it was found in time.')), CONNECT_MS_MAX)
    signal.addEventListener('abort', onAbort)
    peer.on('error', ({ message }) => settle(fail('link-failed', message)))
    peer.on('close', () => settle(fail('link-failed', 'It closed before it was open.')))
    peer.on('signal', (data) => {
      const description = asDescription(data)
      if (description) void signalling.send(description)
    })
    signalling.onDescription((description) => {
      // A late candidate after the end is nobody's fault.
      if (!peer._pc) return
      if (isSameEnd(peer._pc, description)) peer.signal(description)
      else peer.destroy()
    })
    peer.on('connect', () => {
      if (connection && tensors) {
        const link = new SimplePeerLink(wish.peer, peer, connection, tensors)
        if (initiator) restartIce(link, peer, connection)
        settle(ok(link))
      } else settle(fail('link-failed', 'It closed before it was open.'))
    })
    if (signal.aborted) onAbort()
  })
}

class SimplePeerLink extends PipeLink implements WebRtcLink {
  readonly #connection: RTCPeerConnection

  constructor(name: string, peer: SimplePeer, connection: RTCPeerConnection, tensors: RTCDataChannel) {
    super(name, new ChannelPipe(controlOf(peer), CONTROL_BYTES_MAX), new ChannelPipe(tensors as DataChannel))
    this.#connection = connection
    // The last word of a close must leave the buffer before the connection goes.
    void this.closed.then(() => peer.destroy())
  }

  async path(): Promise<LinkPath | null> {
    if (this.#connection.connectionState !== 'connected') return null
    const report = await this.#connection.getStats()
    const all = [...report.values()] as readonly Record<string, unknown>[]
    const chosen = all.find(
      ({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded',
    )
    if (!chosen) return null
    const ends = ['localCandidateId', 'remoteCandidateId'].map((key) => report.get(String(chosen[key])))
    const seconds = chosen['currentRoundTripTime']
    return {
      relayed: ends.some((end) => (end as { candidateType?: string } | undefined)?.candidateType === 'relay'),
      roundTripMs: typeof seconds === 'number' ? seconds * 1000 : null,
    }
  }
}

/** simple-peer gives up where ICE has failed; long before that it is `disconnected`. */
function restartIce({ closed }: Link, peer: SimplePeer, connection: RTCPeerConnection): void {
  const restart = new IceRestart({
    state: () => connection.iceConnectionState,
    restart() {
      connection.restartIce()
      peer.negotiate()
    },
    later(ms, run) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    chance: Math.random,
  })
  connection.addEventListener('iceconnectionstatechange', () => restart.look())
  void closed.then(() => restart.end())
}

/** A later description is another way to the same end; one with another fingerprint says that this end is gone. */
function isSameEnd({ currentRemoteDescription }: RTCPeerConnection, description: Description): boolean {
  if (description.type === 'candidate' || !currentRemoteDescription) return true
  return fingerprintOf(description.sdp) === fingerprintOf(currentRemoteDescription.sdp)
}

function fingerprintOf(sdp: string): string | undefined {
  return /^a=fingerprint:(.+)$/m.exec(sdp)?.[1]?.trim().toLowerCase()
}

/** simple-peer's channel with the promises of a data channel. It reads the channel itself, so it is listened to instead. */
function controlOf(peer: SimplePeer): DataChannel {
  const channel = () => peer._channel
  return {
    get readyState() {
      return channel()?.readyState ?? 'closed'
    },
    get bufferedAmount() {
      return channel()?.bufferedAmount ?? 0
    },
    get bufferedAmountLowThreshold() {
      return channel()?.bufferedAmountLowThreshold ?? 0
    },
    set bufferedAmountLowThreshold(bytes) {
      const own = channel()
      if (own) own.bufferedAmountLowThreshold = bytes
    },
    binaryType: 'arraybuffer',
    send: (bytes) => peer.send(bytes),
    close: () => peer.destroy(),
    addEventListener(type: string, listener: (event: { readonly data: unknown }) => void) {
      if (type === 'message') peer.on('data', (bytes) => listener({ data: bufferOf(bytes) }))
      else if (type === 'close') peer.on('close', () => listener({ data: null }))
      else if (type === 'error') peer.on('error', () => listener({ data: null }))
      else channel()?.addEventListener(type, () => listener({ data: null }))
    },
  }
}

/** A copy where it is a view of something larger. Text stays text, which a pipe refuses. */
function bufferOf(bytes: Uint8Array): unknown {
  if (!(bytes instanceof Uint8Array)) return bytes
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength
  return whole ? bytes.buffer : bytes.slice().buffer
}

function asDescription(data: unknown): Description | null {
  const { type } = data as { readonly type?: unknown }
  return type === 'offer' || type === 'answer' || type === 'candidate' ? (data as Description) : null
}
