/**
 * A stage lies to the next one over a real link, in the middle of an answer, while somebody floods the server. The liar
 * loses its place, the flooder its socket, and the text is that of one tab which has the whole model.
 */
import { io } from 'socket.io-client'
import { describe, expect, it } from 'vitest'
import { EVENTS_BURST_MAX } from '../../web/wire/limits/signalling.ts'
import { LIES, lieOnce } from '../support/lying-tab.ts'
import { LAYERS, TOKENS, useMesh } from '../support/mesh-rig.ts'

const mesh = useMesh()

/** Resolves when the server has closed a socket that said too much. */
async function floodServer(): Promise<string> {
  const socket = io(mesh.url, { transports: ['websocket'], reconnection: false, forceNew: true })
  await new Promise((done) => socket.once('challenge', done))
  const closed = new Promise<string>((done) => {
    socket.once('disconnect', done)
  })
  for (let count = 0; count <= EVENTS_BURST_MAX; count += 1) socket.emit('presence', { flood: count }, () => {})
  return closed
}

describe('a stage that sends the next one', () => {
  it.each(Object.keys(LIES) as (keyof typeof LIES)[])('%s costs no character', async (lie) => {
    const expected = await mesh.whole(0.8)
    const tabs = await mesh.contributors(4, LAYERS / 2)
    const asking = await mesh.asker()
    const answering = mesh.ask(asking, 0.8)
    await asking.until('(await mesh.streamed()).tokens >= 10')
    const planned = (await asking.call('routeEvents')).findLast(({ kind }) => kind === 'planned')
    const stages: readonly { readonly peer: string }[] = JSON.parse(planned?.detail ?? '[]')
    const peers = await Promise.all(tabs.map((tab) => tab.call('peer')))
    const liar = tabs[peers.indexOf(stages[0]?.peer ?? '')]
    if (!liar) throw new Error(`no tab is the first stage of ${planned?.detail}`)
    const flooded = floodServer()
    await liar.page.evaluate(lieOnce(lie))
    const answer = await answering
    const events = await asking.call('routeEvents')
    expect(answer.end).toMatchObject({ reason: 'length' })
    // It may say itself that its link is torn before it loses its place.
    const lost = events.find(({ kind }) => kind === 'lost')
    expect(lost?.detail).toMatch(/^(frame-invalid|position-mismatch|link-flooded|link-closed)/)
    expect(events.at(-1)).toMatchObject({ kind: 'recovered' })
    expect(answer.tokens).toEqual(expected.tokens)
    expect(answer.tokens).toHaveLength(TOKENS)
    expect(answer.text).toBe(expected.text)
    expect(await flooded).toBe('io server disconnect')
  })
})
