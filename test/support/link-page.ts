/**
 * One end of a WebRTC connection in a page of its own, for `npm run bench:link`: the product's pipe over channels like the
 * product's, cut as it is told to. Messages are answered where they arrive, so that one clock measures. What the two ends
 * tell each other to connect goes through `window.weftSend` and `hear`.
 */
import { ChannelPipe, type DataChannel, type PipeSizes, type Urgency } from '../../web/mesh/pipe.ts'
import { PEER_FRAME_BYTES_MAX } from '../../web/wire/limits/links.ts'

declare global {
  interface Window {
    weftSend(words: string): Promise<void>
  }
}

type Words = { readonly description: RTCSessionDescriptionInit } | { readonly candidate: RTCIceCandidateInit }

const peer = new RTCPeerConnection({ iceServers: [] })
const first = peer.createDataChannel('first', { negotiated: true, id: 0 })
const opened = new Promise<void>((resolve) => first.addEventListener('open', () => resolve()))
const early: RTCIceCandidateInit[] = []
const say = (words: Words) => window.weftSend(JSON.stringify(words))

peer.addEventListener('icecandidate', ({ candidate }) => {
  if (candidate) void say({ candidate: candidate.toJSON() })
})

async function describe(): Promise<void> {
  await peer.setLocalDescription()
  const { type = 'offer', sdp = '' } = peer.localDescription ?? {}
  await say({ description: { type, sdp } })
}

async function hear(words: Words): Promise<void> {
  if ('candidate' in words) {
    if (peer.remoteDescription) await peer.addIceCandidate(words.candidate)
    else early.push(words.candidate)
    return
  }
  await peer.setRemoteDescription(words.description)
  for (const candidate of early.splice(0)) await peer.addIceCandidate(candidate)
  if (words.description.type === 'offer') await describe()
}

/** First byte of a message: what is said of it when all of it has come. Nothing of a silent one. */
const [ANSWERED, SILENT, ANSWER] = [1, 2, 3]

let pipe: ChannelPipe | null = null
let answers: (() => void)[] = []

function open(id: number, sizes: PipeSizes): Promise<void> {
  pipe?.close({ ok: false, code: 'link-closed', detail: '' })
  answers = []
  const channel = peer.createDataChannel('measured', { negotiated: true, id })
  const own = new ChannelPipe(channel as DataChannel, PEER_FRAME_BYTES_MAX, sizes)
  pipe = own
  own.onMessage((message) => {
    if (message[0] === ANSWERED) void own.send(Uint8Array.of(ANSWER), 'now')
    else if (message[0] === ANSWER) answers.shift()?.()
  })
  return new Promise((resolve) => channel.addEventListener('open', () => resolve()))
}

async function send(bytes: number, kind: number, urgency: Urgency): Promise<void> {
  const message = new Uint8Array(bytes)
  message[0] = kind
  const sent = await pipe?.send(message, urgency)
  if (!sent?.ok) throw new Error(sent?.code ?? 'no pipe')
}

/** Milliseconds until the answer to a message of so many bytes. */
async function trip(bytes: number, urgency: Urgency): Promise<number> {
  const beganMs = performance.now()
  const answered = new Promise<void>((resolve) => answers.push(resolve))
  await send(bytes, ANSWERED, urgency)
  await answered
  return performance.now() - beganMs
}

const link = {
  hear,
  call: () => describe(),
  opened: () => opened,
  open,

  async trips(bytes: number, count: number): Promise<readonly number[]> {
    const times: number[] = []
    for (let index = 0; index < count; index += 1) times.push(await trip(bytes, 'now'))
    return times
  },

  /** Bulk messages, and small urgent ones beside them, each sent when the one before was answered. */
  async bulk(messages: number, messageBytes: number, urgentBytes: number) {
    let over = false
    const urgentMs: number[] = []
    const beganMs = performance.now()
    const bulk = (async () => {
      for (let index = 1; index < messages; index += 1) await send(messageBytes, SILENT, 'bulk')
      // The last one is answered. Urgent ones must be over by then: answers carry no name.
      over = true
      return () => trip(messageBytes, 'bulk')
    })()
    const urgent = (async () => {
      while (!over) urgentMs.push(await trip(urgentBytes, 'now'))
    })()
    const [last] = await Promise.all([bulk, urgent])
    await last()
    return { ms: performance.now() - beganMs, urgentMs }
  },
}

export type LinkPage = typeof link
Object.assign(window, { link })
document.title = 'ready'
