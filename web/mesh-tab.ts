/**
 * The mesh as this tab takes part in it: one identity, one place at the signalling server, the links, what it serves and
 * what it asks. Joins the parts; decides nothing.
 */
import { DeviceKey, type KeptKey, verifySigned } from './account/device-key.ts'
import { TicketCheck } from './account/ticket-check.ts'
import { loopback } from './mesh/loopback.ts'
import { MeshNode } from './mesh/node.ts'
import type { SignalState } from './mesh/signal-client.ts'
import { Ticker } from './mesh/ticker.ts'
import { Contribution, type ContributionState } from './schedule/contribution.ts'
import { Exchange } from './schedule/exchange.ts'
import { OwnEnds } from './schedule/own-ends.ts'
import { RouteChat, type RouteChatParts } from './schedule/route-chat.ts'
import { WorkerStage } from './schedule/worker-stage.ts'
import type { Census } from './wire/census.ts'
import { toBase64Url } from './wire/device-keys.ts'
import type { AskerSays } from './wire/peer-control.ts'
import { ok } from './wire/result.ts'

export interface MeshTabParts {
  readonly baseUrl: string
  readonly key: KeptKey
  readonly makeStageWorker: () => Worker
  readonly makeTicker: () => Worker
  readonly askPersistence: () => Promise<boolean>
  readonly relayOnly: () => boolean
  readonly onSignal: (state: SignalState) => void
  readonly onCensus?: (census: Census) => void
  readonly onContribution: (state: ContributionState) => void
  readonly onRoute: RouteChatParts['onRoute']
}

const now = () => performance.now()

export class MeshTab {
  readonly node: MeshNode
  readonly contribution: Contribution
  readonly chat: RouteChat
  readonly stage: WorkerStage

  private constructor(parts: MeshTabParts, key: DeviceKey) {
    const { baseUrl, makeStageWorker, askPersistence, relayOnly, onSignal, onCensus, onContribution, onRoute } = parts
    const { every } = new Ticker(parts.makeTicker())
    const gguf = { makeWorker: makeStageWorker, baseUrl, askPersistence, now }
    const node = new MeshNode({
      url: new URL(baseUrl).origin,
      key,
      verify: verifySigned,
      randomId: () => toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
      nowMs: Date.now,
      relayOnly,
      every,
      onState: onSignal,
      ...(onCensus ? { onCensus } : {}),
      onLink: (link) => exchange.add(link),
    })
    const { server } = node
    const tickets = new TicketCheck({
      self: node.peer,
      keys: () => server.ticketKeys,
      nowMs: () => server.serverNowMs(),
    })
    const admit = (asker: string, open: Extract<AskerSays, { says: 'open' }>, modelId: string) => {
      const { request, ticket, place, positions } = open
      return tickets.admit(ticket, { request, asker, modelId, span: place.span, positions })
    }
    const connect = async (peer: string) => {
      const own = peer === node.peer ? exchange.linkTo(peer) : null
      return own ? ok(own) : node.connect(peer)
    }
    const stage = new WorkerStage(gguf, () => void contribution.stop())
    const contribution: Contribution = new Contribution({
      worker: stage,
      assign: (wish) => server.assign(wish),
      say: (presence) => server.say(presence),
      linkTo: (peer) => exchange.linkTo(peer),
      connect,
      every,
      admit,
      visible: () => document.visibilityState === 'visible',
      nowMs: now,
      onChange: onContribution,
    })
    const exchange: Exchange = new Exchange({
      hear: (from, message) => contribution.hear(from, message),
      take(from, frame) {
        contribution.take(from, frame)
        ends.take(from, frame)
      },
      gone(peer, reason) {
        contribution.gone(peer, reason)
        ends.gone(peer, reason)
      },
    })
    // What this tab serves may be a stage of its own route.
    for (const end of loopback(node.peer, node.peer)) exchange.add(end)
    const ends: OwnEnds = new OwnEnds({
      self: node.peer,
      makeStage: (onLost) => new WorkerStage(gguf, onLost),
      assign: (wish) => server.assign(wish),
      exchange,
      connect,
      every,
      admit,
    })
    this.chat = new RouteChat({
      ...gguf,
      self: node.peer,
      ends,
      plan: (wish) => server.plan(wish),
      connect,
      exchange,
      clock: { nowMs: now, every },
      randomRequest: () => hex(crypto.getRandomValues(new Uint8Array(16))),
      onRoute,
    })
    this.node = node
    this.stage = stage
    this.contribution = contribution
    addEventListener('pagehide', () => contribution.drain())
    document.addEventListener('visibilitychange', () => contribution.tell())
  }

  static async join(parts: MeshTabParts): Promise<MeshTab> {
    return new MeshTab(parts, await DeviceKey.of(parts.key))
  }

  async leave(): Promise<void> {
    await this.contribution.stop()
    await this.chat.unload()
    await this.node.leave()
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
