/**
 * The mesh as this tab takes part in it: one identity, one place at the signalling server, the links, what it serves and
 * what it asks. Joins the parts; decides nothing.
 */
import { DeviceKey, type KeptKey, verifySigned } from './account/device-key.ts'
import { TicketCheck } from './account/ticket-check.ts'
import { MeshNode } from './mesh/node.ts'
import type { SignalState } from './mesh/signal-client.ts'
import { Ticker } from './mesh/ticker.ts'
import { Contribution, type ContributionState } from './schedule/contribution.ts'
import { Exchange } from './schedule/exchange.ts'
import { RouteChat, type RouteChatParts } from './schedule/route-chat.ts'
import { WorkerStage } from './schedule/worker-stage.ts'
import type { Census } from './wire/census.ts'
import { toBase64Url } from './wire/device-keys.ts'

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
    const stage = new WorkerStage(gguf, () => void contribution.stop())
    const contribution: Contribution = new Contribution({
      worker: stage,
      assign: (wish) => server.assign(wish),
      say: (presence) => server.say(presence),
      linkTo: (peer) => exchange.linkTo(peer),
      connect: (peer) => node.connect(peer),
      every,
      admit: (asker, { request, ticket, place: { span }, positions }, modelId) =>
        tickets.admit(ticket, { request, asker, modelId, span, positions }),
      visible: () => document.visibilityState === 'visible',
      onChange: onContribution,
    })
    const exchange: Exchange = new Exchange(contribution)
    this.chat = new RouteChat({
      ...gguf,
      plan: (wish) => server.plan(wish),
      connect: (peer) => node.connect(peer),
      exchange,
      clock: { nowMs: now, every },
      randomRequest: () => hex(crypto.getRandomValues(new Uint8Array(16))),
      onRoute,
    })
    this.node = node
    this.stage = stage
    this.contribution = contribution
    addEventListener('pagehide', () => contribution.drain())
  }

  static async join(parts: MeshTabParts): Promise<MeshTab> {
    return new MeshTab(parts, await DeviceKey.of(parts.key))
  }

  async leave(): Promise<void> {
    await this.contribution.stop()
    await this.node.leave()
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
