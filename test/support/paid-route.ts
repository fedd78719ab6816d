/**
 * A route over paid stages on links in memory and the CPU oracle: real keys, real signatures, tickets that a test writes, and what
 * each worker has for the server in the end. What is right is the tests'.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { TicketMint } from '../../signal/sockets/tickets.ts'
import { verifySigned } from '../../web/account/device-key.ts'
import { TicketCheck } from '../../web/account/ticket-check.ts'
import type { LayerRange, StageEngine } from '../../web/engine/stage.ts'
import type { Signer } from '../../web/mesh/signal-client.ts'
import { CREDIT_POLICIES } from '../../web/rules/credit-policy.ts'
import type { ServedStage } from '../../web/schedule/hop.ts'
import { ReceiptDesk } from '../../web/schedule/receipts/receipt-desk.ts'
import { committing, type RouteReceipts } from '../../web/schedule/receipts/route-receipts.ts'
import { payStages, signRoutes } from '../../web/schedule/receipts/stage-desk.ts'
import type { OwedPart } from '../../web/schedule/receipts/worker-part.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import type { RouteStage } from '../../web/schedule/route-line.ts'
import type { RouteEvent } from '../../web/schedule/route-parts.ts'
import { Session, type SessionEvent } from '../../web/schedule/session.ts'
import type { Code } from '../../web/wire/codes.ts'
import type { CreditWish } from '../../web/wire/credit-events.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import type { PeerSays } from '../../web/wire/peer-control.ts'
import type { StageFrame } from '../../web/wire/peer-frame.ts'
import { peerIdOf } from '../../web/wire/peers.ts'
import { ok, type Result } from '../../web/wire/result.ts'
import { readTicket, type TicketClaims } from '../../web/wire/tickets.ts'
import type { Lies } from './hostile-peer.ts'
import { newKey } from './job-tabs.ts'
import { MemoryMesh, type MemoryPeer, type MeshWish } from './memory-mesh.ts'
import { type Asked, onClockOf } from './route-run.ts'
import { claimsWith, ticketOf } from './ticket-claims.ts'
import { loadCpu } from './tiny-stage.ts'

export const REQUEST = '0123456789abcdef0123456789abcdef'
/** Of the turns after the first. */
export const requestOf = (turn: number) => (turn === 0 ? REQUEST : turn.toString(16).padStart(32, 'f'))
const HASHES = { sha256, digest: async (bytes: Uint8Array) => sha256(bytes) }
export const PARAMETERS = 1_000_000_000

export interface PaidWish {
  readonly ranges: readonly LayerRange[]
  readonly mesh?: MeshWish
  /** By name: `asker`, `stage0`, `standby0` and so on. */
  readonly lies?: Readonly<Record<string, Lies>>
  readonly stageOf?: (stage: StageEngine, name: string) => StageEngine
  readonly free?: boolean
  /** Tickets are signed by a server, and looked at as tabs do. */
  readonly signed?: boolean
  /** What its tickets say besides. */
  readonly claims?: Partial<TicketClaims>
  /** Signs for the asker; its own key does. */
  readonly signer?: (own: Signer) => Signer | Promise<Signer>
}

/** Rows that went into a stage: several at a time, fed ones too; and single ones. */
interface Rows {
  prompt: number
  steps: number
}

export interface Answer {
  readonly tokens: readonly number[]
  readonly end: Extract<SessionEvent, { kind: 'end' }> | null
}

export class PaidRoute {
  readonly mesh: MemoryMesh
  readonly events: RouteEvent[] = []
  /** By the worker's name. */
  readonly owed = new Map<string, OwedPart>()
  /** What the server is told, by whom. */
  readonly told: (CreditWish & { readonly by: string })[] = []
  /** The same by the request as well: `stage0 0123...`. */
  readonly owedOf = new Map<string, OwedPart>()
  /** Since it was opened, or the newest turn began. */
  readonly rows = new Map<string, Rows>()
  readonly peers = new Map<string, string>()
  readonly #keys = new Map<string, Signer>()
  /** By name, of the newest turn. */
  readonly #claims = new Map<string, TicketClaims>()
  readonly #joining = new Map<string, () => Promise<void>>()
  readonly #wish: PaidWish
  #places: readonly { readonly peer: string; readonly standby: string }[]
  #newReceipts: ((request: string) => RouteReceipts) | null = null
  #mint: TicketMint | null = null
  #asker: MemoryPeer | null = null
  #hop: RouteHop | null = null
  #receipts: RouteReceipts | null = null
  #session: Session | null = null
  readonly #asked: Asked

  private constructor(asked: Asked, wish: PaidWish) {
    this.#asked = asked
    this.#wish = wish
    this.#places = wish.ranges.map((_, index) => ({ peer: `stage${index}`, standby: `standby${index}` }))
    this.mesh = new MemoryMesh(wish.mesh)
  }

  static async of(asked: Asked, wish: PaidWish): Promise<PaidRoute> {
    const route = new PaidRoute(asked, wish)
    const names = wish.ranges.flatMap((_, index) => [`stage${index}`, `standby${index}`])
    if (wish.signed) route.#mint = await TicketMint.create(() => route.mesh.clock.nowMs)
    for (const name of ['asker', ...names]) await route.#join(name, wish)
    await route.#open()
    return route
  }

  /** The answer is over; what the stages hold is kept. */
  async pause(): Promise<void> {
    await onClockOf(this.mesh, this.hop.rest())
    await this.rest(1_000)
  }

  /** The next turn, as the asker begins it. `over`: what its tickets say besides, by name. */
  async renew(
    turn: number,
    over: (name: string) => Partial<TicketClaims> = () => ({}),
    free = false,
  ): Promise<Result<null>> {
    const request = requestOf(turn)
    for (const rows of this.rows.values()) [rows.prompt, rows.steps] = [0, 0]
    const tickets = new Map<string, string>()
    for (const [name, claims] of this.#claims) {
      const id = `${turn}${claims.id.slice(1)}`
      const pay = free ? ({ kind: 'unpaid' } as const) : claims.pay
      tickets.set(this.peer(name), await this.ticket({ ...claims, id, request, pay, ...over(name) }))
    }
    this.#receipts = free ? null : (this.#newReceipts?.(request) ?? null)
    const plan = { stages: this.#stages(), tickets, request, receipts: this.#receipts }
    return onClockOf(this.mesh, this.hop.renew(plan))
  }

  /** As the server writes it, for tests that have one. */
  ticket(claims: TicketClaims): Promise<string> {
    return this.#mint ? this.mesh.clock.hold(this.#mint.sign(claims)) : Promise.resolve(ticketOf(claims))
  }

  claims(name: string): TicketClaims {
    const claims = this.#claims.get(name)
    if (!claims) throw new Error(`${name} has a ticket`)
    return claims
  }

  /** For a route that the test opens itself. */
  get signs(): (request: string) => RouteReceipts {
    if (!this.#newReceipts) throw new Error('the asker signs')
    return this.#newReceipts
  }

  get hop(): RouteHop {
    if (!this.#hop) throw new Error('the route is open')
    return this.#hop
  }

  peer(name: string): string {
    return this.peers.get(name) ?? ''
  }

  /** By its own mouth, past its lies. */
  say(from: string, to: string, word: PeerSays): void {
    void this.mesh.peer(this.peer(from)).exchange.linkTo(this.peer(to))?.say(word)
  }

  send(from: string, to: string, frame: StageFrame): void {
    void this.mesh.peer(this.peer(from)).exchange.linkTo(this.peer(to))?.send(frame, 'now')
  }

  /** What the asker said last to that stage. */
  epoch(name: string): number {
    const said = this.mesh.sent.filter(({ to, what }) => to === this.peer(name) && 'says' in what && 'epoch' in what)
    return said.reduce((newest, { what }) => Math.max(newest, 'epoch' in what ? what.epoch : 0), 0)
  }

  /** From the next turn on `other` has the place of `name`, who stands by for it. */
  stand(name: string, other: string): void {
    this.#places = this.#places.map((place) => (place.peer === name ? { peer: other, standby: name } : place))
  }

  /** After its end, with nothing of what it had. */
  async back(name: string): Promise<void> {
    const again = this.#joining.get(name)
    await again?.()
  }

  key(name: string): Signer {
    const key = this.#keys.get(name)
    if (!key) throw new Error(`${name} has a key`)
    return key
  }

  kill(name: string): void {
    this.mesh.kill(this.peer(name))
  }

  get receipts(): RouteReceipts | null {
    return this.#receipts
  }

  get session(): Session {
    if (!this.#session) throw new Error('the route is open')
    return this.#session
  }

  /** Reads an answer to its end. `onToken`: when so many have come. */
  answer(onToken: (count: number, stop: () => void) => void = () => {}, over: Partial<Asked> = {}): Promise<Answer> {
    const { prompt, sampler, maxTokens } = { ...this.#asked, ...over }
    const stop = new AbortController()
    const tokens: number[] = []
    let end: Answer['end'] = null
    const read = async (): Promise<Answer> => {
      const request = { prompt, sampler, maxTokens, endTokens: new Set<number>() }
      for await (const event of committing(this.session.generate(request, stop.signal), this.#receipts)) {
        if (event.kind === 'token') onToken(tokens.push(event.id), () => stop.abort())
        if (event.kind === 'end') end = event
      }
      return { tokens, end }
    }
    return onClockOf(this.mesh, read())
  }

  /** Ends the route, and gives everybody time for their receipts. */
  async close(): Promise<void> {
    await onClockOf(this.mesh, this.session.close())
    await this.rest(60_000)
  }

  async rest(ms: number): Promise<void> {
    const until = this.mesh.clock.nowMs + ms
    let over = false
    this.mesh.clock.later(ms, () => {
      over = true
    })
    await this.mesh.clock.until(() => over, until + 1)
  }

  /** Why its receipts were not signed, as workers were told. */
  get refusals(): readonly { readonly to: string; readonly code: Code }[] {
    return this.mesh.sent.flatMap(({ to, what }) =>
      'says' in what && what.says === 'receipt-refused' ? [{ to: this.nameOf(to), code: what.code }] : [],
    )
  }

  nameOf(peer: string): string {
    return [...this.peers].find(([, other]) => other === peer)?.[0] ?? peer
  }

  async #join(name: string, { ranges, lies = {}, stageOf, free = false, claims, signer }: PaidWish): Promise<void> {
    const own = await newKey()
    const { clock } = this.mesh
    const chosen = name === 'asker' && signer ? await signer(own) : own
    const key: Signer = { name: own.name, sign: (...what) => clock.hold(chosen.sign(...what)) }
    const peer = peerIdOf(own.name, name.padEnd(22, '-'))
    this.peers.set(name, peer)
    this.#keys.set(name, key)
    const desk = new ReceiptDesk({
      isDonor: () => false,
      key,
      verify: (...what) => clock.hold(verifySigned(...what)),
      nowMs: () => clock.nowMs,
      outbox: {
        keep: async (owed) => {
          this.owed.set(name, owed)
          this.owedOf.set(`${name} ${owed.signed.receipt.request}`, owed)
        },
      },
      policies: CREDIT_POLICIES,
      tell: (wish) => this.told.push({ ...wish, by: name }),
      leave: () => {},
      randomNonce: () => toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
    })
    if (name === 'asker') {
      this.#asker = this.mesh.join(peer, null, lies[name] ?? null, null, desk)
      const { exchange } = this.#asker
      if (free) return
      this.#newReceipts = signRoutes(desk, HASHES, exchange, clock.every)
      this.#receipts = this.#newReceipts(REQUEST)
      return
    }
    const index = Number(/\d+$/.exec(name)?.[0])
    const span = ranges[index] ?? { first: 0, last: 0 }
    const part = name.startsWith('stage') ? index : ranges.length + index
    const pay = { kind: 'paid', policy: 1, activeParameters: PARAMETERS, layers: ranges.at(-1)?.last ?? 0 } as const
    const said = claimsWith({
      ...{ id: part.toString(16).padStart(32, '0'), request: REQUEST, part },
      ...{ asker: this.peer('asker'), worker: peer, span },
      ...{
        positions: this.#asked.positions,
        outputTokens: this.#asked.maxTokens,
        pay: free ? { kind: 'unpaid' } : pay,
      },
      ...claims,
    })
    this.#claims.set(name, said)
    const check = new TicketCheck({
      self: peer,
      keys: () => this.#mint?.keys ?? [],
      nowMs: () => clock.nowMs,
      letsIn: async () => ok(null),
    })
    const { modelId } = said
    const join = async () => {
      const stage = await loadCpu(this.#asked.file, span)
      const whole = { layers: stage.facts.layers, activeParameters: PARAMETERS }
      this.mesh.join(peer, this.#counted(stageOf?.(stage, name) ?? stage, name), lies[name] ?? null, null, desk, {
        admit: ({ ticket, ...use }, from) => {
          if (!this.#mint) return readTicket(ticket)
          return clock.hold(check.admit(ticket, { ...use, asker: from, modelId, whole, job: null }))
        },
        pay: payStages(desk, HASHES, () => clock.nowMs),
      })
    }
    this.#joining.set(name, join)
    await join()
  }

  #counted(stage: StageEngine, name: string): ServedStage {
    const rows = { prompt: 0, steps: 0 }
    this.rows.set(name, rows)
    return {
      facts: stage.facts,
      open: (request) => stage.open(request),
      truncate: (...what) => stage.truncate(...what),
      close: (session) => stage.close(session),
      run: (frame) => {
        if (frame.count === 1) rows.steps += 1
        else rows.prompt += frame.count
        return stage.run(frame)
      },
    }
  }

  #stages(): readonly RouteStage[] {
    return this.#wish.ranges.map((span, index) => ({
      span,
      peer: this.peer(this.#places[index]?.peer ?? ''),
      standby: this.peer(this.#places[index]?.standby ?? ''),
    }))
  }

  async #open(): Promise<void> {
    const tickets = new Map<string, string>()
    for (const [name, claims] of this.#claims) tickets.set(this.peer(name), await this.ticket(claims))
    if (!this.#asker) throw new Error('the asker is there')
    this.#hop = new RouteHop({
      request: REQUEST,
      stages: this.#stages(),
      tickets,
      exchange: this.#asker.exchange,
      onEvent: (event) => this.events.push(event),
      receipts: this.#receipts,
      clock: { nowMs: () => this.mesh.clock.nowMs, every: this.mesh.clock.every },
    })
    this.#session = new Session(1, [this.#hop], this.#asked.positions)
  }
}
