/**
 * Two stages of one tab in its own route: the first layers and the last, each with a seat that only this tab knows by name.
 * They are asked over links of the tab to itself and serve as any stage does, tickets and all; peers see the tab.
 */
import type { Link } from '../mesh/link.ts'
import { loopback } from '../mesh/loopback.ts'
import type { StageFrame } from '../wire/peer-frame.ts'
import { type PeerId, seatOf } from '../wire/peers.ts'
import { type Failure, fail } from '../wire/result.ts'
import { type Exchange, isAsker } from './exchange.ts'
import { Provider, type ProviderParts } from './provider.ts'

export type SeatParts = Pick<ProviderParts, 'stage' | 'ping' | 'onSilent'>

export interface OwnSeatsParts extends Pick<ProviderParts, 'connect' | 'every' | 'admit'> {
  readonly self: PeerId
  readonly first: SeatParts
  readonly last: SeatParts
  readonly exchange: Pick<Exchange, 'add' | 'linkTo'>
}

export class OwnSeats {
  readonly #providers: readonly Provider[]
  readonly #last: Provider
  readonly #links: readonly Link[]

  constructor({ self, first, last, exchange, connect, every, admit }: OwnSeatsParts) {
    const [toFirst, atFirst] = loopback(self, self)
    const seat = (own: SeatParts, back: Link | null) => {
      const linkTo = (peer: string) => (peer === self ? back : exchange.linkTo(peer))
      return new Provider({ ...own, linkTo, connect, every, admit, takeFrameMs: () => null })
    }
    const head = seat(first, null)
    // What the tail draws goes to the first stage, which is here too.
    this.#last = seat(last, toFirst)
    atFirst.onFrame((frame) => {
      if (frame.type !== 'part') head.take(atFirst, frame)
    })
    this.#providers = [head, this.#last]
    const links = [
      sitDown(head, self, seatOf(self, 'first'), exchange),
      sitDown(this.#last, self, seatOf(self, 'last'), exchange),
    ]
    this.#links = [toFirst, ...links]
  }

  /** What comes from another peer: hidden states, which only the last seat takes. */
  take(from: Link, frame: StageFrame): void {
    if (frame.type === 'hidden') this.#last.take(from, frame)
  }

  /** The link to another peer is gone. */
  gone(peer: PeerId, reason: Failure): void {
    for (const provider of this.#providers) provider.gone(peer, reason)
  }

  async close(): Promise<void> {
    await Promise.all(this.#providers.map((provider) => provider.close()))
    for (const link of this.#links) link.close(fail('link-closed', 'The layers were given back.'))
  }
}

function sitDown(provider: Provider, self: PeerId, seat: string, exchange: Pick<Exchange, 'add'>): Link {
  const [toSeat, toAsker] = loopback(self, seat)
  toAsker.onSays((message) => {
    if (isAsker(message)) provider.hear(toAsker, message)
  })
  toAsker.onFrame((frame) => {
    if (frame.type !== 'part') provider.take(toAsker, frame)
  })
  exchange.add(toSeat)
  return toSeat
}
