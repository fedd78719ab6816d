/**
 * The tabs of `bench:signal`, in a process of their own: the real client with a key each, its heartbeats, and words for one
 * another. It measures what it does and asks for no plan.
 */
import { DeviceKey, makeKey } from '../../web/account/device-key.ts'
import { SignalClient } from '../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import type { PeerId } from '../../web/wire/peers.ts'
import { type CrowdAsked, type CrowdTells, presenceOf } from './signal-words.ts'

const JOINING_AT_ONCE = 64
const RELAYING_AT_ONCE = 256
/** Of one tab in all: under what the server lets one say at once. */
const WORDS_OF_A_TAB = 100
/** As long as an offer of WebRTC. */
const SEALED = { call: 'c'.repeat(22), kind: 'offer' as const, text: 'v'.repeat(1_500), signature: 'A'.repeat(86) }

const tell = (word: CrowdTells) => void process.send?.(word)
const clients: SignalClient[] = []

async function join({ urls, peers, models }: Extract<CrowdAsked, { ask: 'join' }>): Promise<void> {
  const keys: DeviceKey[] = []
  for (let index = 0; index < peers; index += 1) keys.push(await DeviceKey.of(await makeKey()))
  const since = performance.now()
  let next = 0
  const joiner = async () => {
    for (let key = keys[next++]; key; key = keys[next++]) clients.push(await here(urls[next % urls.length] ?? '', key))
  }
  await Promise.all(Array.from({ length: JOINING_AT_ONCE }, joiner))
  const seconds = (performance.now() - since) / 1_000
  const all: readonly PeerId[] = clients.map(({ peer }) => peer)
  clients.forEach((client, index) => {
    client.say(presenceOf(index, models, all))
  })
  tell({ says: 'joined', seconds })
}

function here(url: string, key: DeviceKey): Promise<SignalClient> {
  return new Promise((resolve) => {
    const client: SignalClient = new SignalClient({
      url,
      key,
      run: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
      nowMs: Date.now,
      onState: (state) => {
        if (state.state === 'here') resolve(client)
        if (state.state === 'away') tell({ says: 'lost', code: state.reason.code })
      },
      onRelayed: () => {},
    })
  })
}

async function relay({ seconds }: Extract<CrowdAsked, { ask: 'relay' }>): Promise<void> {
  const since = performance.now()
  const most = clients.length * WORDS_OF_A_TAB
  let [said, messages] = [0, 0]
  const talker = async () => {
    while (said < most && performance.now() - since < seconds * 1_000) {
      const from = clients[said % clients.length]
      const to = clients[(said * 7 + 1) % clients.length]
      said += 1
      if (from && to && (await from.relay(to.peer, SEALED)).ok) messages += 1
    }
  }
  await Promise.all(Array.from({ length: RELAYING_AT_ONCE }, talker))
  tell({ says: 'relayed', messages, seconds: (performance.now() - since) / 1_000 })
}

process.on('message', (asked: CrowdAsked) => {
  const work = asked.ask === 'join' ? join(asked) : relay(asked)
  work.catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(1)
  })
})
process.on('disconnect', () => process.exit())
