/** The contract of links over real WebRTC, between two connections of this page; no server, no relay. */
import { expect, it, vi } from 'vitest'
import { connectWebRtc, type Description, type Signalling } from '../../web/mesh/link-webrtc.ts'
import { linkSuite } from '../contract/link.suite.ts'

function signallingPair(): readonly [Signalling, Signalling] {
  const sides = [0, 1].map(() => ({ early: [] as Description[], listener: null as ((d: Description) => void) | null }))
  const side = (own: number): Signalling => ({
    async send(description) {
      const other = sides[1 - own]
      if (other?.listener) other.listener(description)
      else other?.early.push(description)
    },
    onDescription(listener) {
      const mine = sides[own]
      if (!mine) return
      mine.listener = listener
      for (const description of mine.early.splice(0)) listener(description)
    },
  })
  return [side(0), side(1)]
}

const signal = new AbortController().signal

async function connectPair() {
  const [left, right] = signallingPair()
  const common = { iceServers: [], relayOnly: false }
  const [a, b] = await Promise.all([
    connectWebRtc({ ...common, peer: 'b', initiator: true, signalling: left }, signal),
    connectWebRtc({ ...common, peer: 'a', initiator: false, signalling: right }, signal),
  ])
  if (!a.ok || !b.ok) throw new Error(`no connection: ${JSON.stringify([a, b])}`)
  return { a: a.value, b: b.value }
}

linkSuite('over WebRTC', async () => ({
  ...(await connectPair()),
  async until(condition) {
    await vi.waitUntil(condition, { timeout: 60_000, interval: 5 })
  },
}))

it('says whether it is relayed', async () => {
  const { a } = await connectPair()
  await vi.waitUntil(async () => (await a.path()) !== null, { timeout: 20_000 })
  expect(await a.path()).toMatchObject({ relayed: false })
})

it('gives up when it is told to', async () => {
  const [left] = signallingPair()
  const abort = new AbortController()
  const wish = { peer: 'b', initiator: true, signalling: left, iceServers: [], relayOnly: false }
  const connecting = connectWebRtc(wish, abort.signal)
  abort.abort()
  expect(await connecting).toMatchObject({ ok: false, code: 'aborted' })
})
