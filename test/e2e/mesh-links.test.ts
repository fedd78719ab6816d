/**
 * The network between two tabs takes every packet for a while and then lets them through again: the link is offered again
 * by another way while nothing arrives, or made anew, and the next answer is the same text.
 */
import { afterAll, expect, it } from 'vitest'
import { LAYERS, useMesh } from '../support/mesh-rig.ts'
import { RELAY_FLAGS, UdpRelay, viaRelay } from '../support/udp-relay.ts'

const relay = new UdpRelay({ rttMs: 4, jitterMs: 0, lossPercent: 0 })
afterAll(() => relay.close())

let opened = 0
const mesh = useMesh({
  flags: RELAY_FLAGS,
  async prepare(context) {
    opened += 1
    await viaRelay(context, relay, `tab${opened}`)
    // Counts offers that arrive: the first makes the link, every later one is another way for it.
    await context.addInitScript(`(() => {
      window.offers = 0
      const { setRemoteDescription } = RTCPeerConnection.prototype
      RTCPeerConnection.prototype.setRemoteDescription = function (given) {
        if (given.type === 'offer') window.offers += 1
        return setRemoteDescription.call(this, given)
      }
    })()`)
  },
})

it('a link that loses all packets for a while is offered again, and answers go on', async () => {
  const [worker] = await mesh.contributors(1, LAYERS)
  const asking = await mesh.asker()
  const before = await mesh.ask(asking, 0)
  expect(before.end).toMatchObject({ reason: 'length' })
  expect(await worker?.page.evaluate('window.offers')).toBe(1)
  relay.drop(`tab${opened}`)
  await asking.until('(await mesh.links()).every(({ path }) => path === null)')
  await worker?.until('window.offers >= 2')
  relay.restore(`tab${opened}`)
  await asking.until('(await mesh.links()).every(({ path }) => path !== null)')
  const after = await mesh.ask(asking, 0)
  expect(after.end).toMatchObject({ reason: 'length' })
  expect(after.tokens).toEqual(before.tokens)
  expect(after.text).toBe(before.text)
})
