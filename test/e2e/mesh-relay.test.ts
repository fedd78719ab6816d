/**
 * Peers that do not see each other's address, or cannot reach each other: a real coturn carries their packets, with the
 * credentials that the product's server gives, and the text stays the same.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Coturn, startCoturn } from '../support/coturn.ts'
import { LAYERS, useMesh } from '../support/mesh-rig.ts'

let coturn: Coturn
beforeAll(async () => {
  coturn = await startCoturn()
})
afterAll(() => coturn?.close())

/** The text of one whole stage, over links that are all relayed. */
async function answersByRelay(mesh: ReturnType<typeof useMesh>): Promise<void> {
  const expected = await mesh.whole(0)
  await mesh.contributors(2, LAYERS / 2)
  const asking = await mesh.asker()
  const answer = await mesh.ask(asking, 0)
  expect(answer.tokens).toEqual(expected.tokens)
  const links = await asking.call('links')
  expect(links.map(({ path }) => path?.relayed)).toEqual([true, true])
}

describe('relay only', () => {
  const mesh = useMesh({
    query: '?relay=only',
    ice: () => ({ stunUrl: null, turn: { url: coturn.url('udp'), secret: coturn.secret } }),
  })

  it('hides the address: every link is relayed, and the text is the same', () => answersByRelay(mesh))
})

describe('where no direct way leads through', () => {
  const mesh = useMesh({
    ice: () => ({ stunUrl: null, turn: { url: coturn.url('udp'), secret: coturn.secret } }),
    async prepare(context) {
      // As two firewalls between them would: whatever a peer sends to the other's own address is lost.
      await context.addInitScript(`(() => {
        const { addIceCandidate, setRemoteDescription } = RTCPeerConnection.prototype
        RTCPeerConnection.prototype.addIceCandidate = async function (given) {
          if (!given?.candidate || given.candidate.includes(' typ relay')) return addIceCandidate.call(this, given)
        }
        RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
          const lines = sdp.split('\\r\\n').filter((line) => !line.startsWith('a=candidate:'))
          return setRemoteDescription.call(this, { type, sdp: lines.join('\\r\\n') })
        }
      })()`)
    },
  })

  it('the relay is found by itself, and the text is the same', () => answersByRelay(mesh))
})

describe('a relay that takes no credentials of ours', () => {
  const mesh = useMesh({
    query: '?relay=only',
    ice: () => ({ stunUrl: null, turn: { url: coturn.url('udp'), secret: 'another one' } }),
  })

  it('connects nobody, and the answer says so', async () => {
    await mesh.contributors(1, LAYERS)
    const asking = await mesh.asker()
    const { end } = await mesh.ask(asking, 0)
    expect(end).toMatchObject({ reason: 'error' })
    expect(['unreachable', 'no-holder']).toContain(end?.code)
  })
})
