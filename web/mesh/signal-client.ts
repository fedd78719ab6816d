/**
 * This tab at the signalling server: proves its device key, says what it holds, carries sealed words to other peers and back.
 * Comes back by itself after a cut, as the same peer. What the server says is parsed here, once.
 */
import { io, type Socket } from 'socket.io-client'
import { type AccountChain, type AccountWish, parseAccountChains } from '../wire/accounts.ts'
import { type Census, parseCensus } from '../wire/census.ts'
import { CODES, type Code } from '../wire/codes.ts'
import { type CreditWish, writeCredits } from '../wire/credit-events.ts'
import { type PublicKeyText, type Purpose, toBase64Url } from '../wire/device-keys.ts'
import { type JobNews, type JobWish, type JobWord, parseJobWord } from '../wire/jobs.ts'
import { ANSWER_EVENT_MS_MAX, HEARTBEAT_MS, RECONNECT_MS, RECONNECT_MS_MAX } from '../wire/limits/signalling.ts'
import { type PairWish, type PairWord, parsePairWord } from '../wire/pairings.ts'
import type { PartnerKey } from '../wire/partner-keys.ts'
import { type PeerId, peerIdOf } from '../wire/peers.ts'
import {
  type Assigned,
  type AssignWish,
  type Plan,
  type PlanWish,
  parseAssigned,
  parsePlan,
} from '../wire/plan-events.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { parseRoomWord, type RoomWish, type RoomWord } from '../wire/room-events.ts'
import type { RoomId } from '../wire/rooms.ts'
import { type Announcement, parseAnnouncements, parseSanctionWord, saySanction } from '../wire/rulings.ts'
import {
  type Holding,
  type IceServer,
  type PartnerWord,
  type Presence,
  parseChallenge,
  parsePartnerWord,
  parseRelayed,
  parseWelcome,
  type Relayed,
  type Sealed,
  type ServerSays,
  SIGNAL_PROTOCOLS,
  type TabSays,
} from '../wire/signal-events.ts'
import { parseTicketKeys, type TicketKey } from '../wire/tickets.ts'

export type SignalState =
  | { readonly state: 'connecting' }
  | { readonly state: 'here' }
  /** It comes back by itself, unless `final`. */
  | { readonly state: 'away'; readonly reason: Failure; readonly final: boolean }

/** The key of this device. */
export interface Signer {
  readonly name: PublicKeyText
  sign(purpose: Purpose, fields: readonly string[]): Promise<Uint8Array>
}

export interface SignalParts {
  readonly url: string
  readonly key: Signer
  /** Random, of this run of the tab: 22 characters of base64url. */
  readonly run: string
  readonly nowMs: () => number
  readonly onState: (state: SignalState) => void
  readonly onRelayed: (relayed: Relayed) => void
  /** Of the site whose visitor this tab is. */
  readonly partner?: PartnerKey | null
  /** The site lets nothing more be done for its visitors. */
  readonly onPartner?: (word: PartnerWord) => void
  /** While it looks. */
  readonly onCensus?: (census: Census) => void
  readonly onRoom?: (word: RoomWord) => void
  /** What the operator tells everybody, all of it. */
  readonly onAnnouncements?: (announcements: readonly Announcement[]) => void
  /** Of a job of this tab, that it did not ask for just now: it is leased at last, its place in the line, it is over. */
  readonly onJob?: (word: JobWord) => void
  /** What goes with every heartbeat, as it is then. */
  readonly about?: () => Pick<Presence, 'relayOnly' | 'near'>
  /** Calls again and again, also while the tab is hidden; returns how to stop. The page's own timer by default. */
  readonly every?: (ms: number, run: () => void) => () => void
}

/** Of a tab that only asks or looks: it is there too. */
const HOLDS_NOTHING: Holding = { numericClass: '', visible: true, held: [], offers: [], room: null }

type TabSocket = Socket<ServerSays, TabSays>
/** Whose calls reject where no answer comes in time. */
type PatientSocket = ReturnType<TabSocket['timeout']>

export class SignalClient {
  readonly peer: PeerId
  /** Of the pairing that this tab is in. */
  onPair: (word: PairWord) => void = () => {}
  readonly #parts: SignalParts
  readonly #socket: TabSocket
  #resume: string | null = null
  #holding: Holding | null = null
  #looking: boolean | RoomId = false
  #here = false
  /** The server is about to stop: it is asked for nothing new. */
  #draining = false
  /** Why it does not come again. */
  #gaveUp: Failure | null = null
  /** Who waits until it is proven. */
  #waiting: ((here: boolean) => void)[] = []
  #aheadMs = 0
  #ticketKeys: readonly TicketKey[] = []
  #iceServers: readonly IceServer[] = []
  #beating: (() => void) | null = null

  constructor(parts: SignalParts) {
    this.#parts = parts
    this.peer = peerIdOf(parts.key.name, parts.run)
    this.#socket = io(parts.url, {
      transports: ['websocket'],
      reconnectionDelay: RECONNECT_MS,
      reconnectionDelayMax: RECONNECT_MS_MAX,
      randomizationFactor: 0.5,
    })
    this.#socket.on('challenge', (value) => void this.#prove(value))
    this.#socket.on('relayed', (value) => {
      const relayed = parseRelayed(value)
      if (relayed.ok) parts.onRelayed(relayed.value)
    })
    this.#socket.on('ticketKeys', (value) => {
      const keys = parseTicketKeys(value)
      if (keys.ok) this.#ticketKeys = keys.value
    })
    this.#socket.on('census', (value) => {
      const census = parseCensus(value)
      if (census.ok && this.#looking) parts.onCensus?.(census.value)
    })
    this.#socket.on('room', (value) => {
      const word = parseRoomWord(value)
      if (word.ok) parts.onRoom?.(word.value)
    })
    this.#socket.on('job', (value) => {
      const word = parseJobWord(value)
      if (word.ok) parts.onJob?.(word.value)
    })
    this.#socket.on('partner', (value) => {
      const word = parsePartnerWord(value)
      if (word.ok) parts.onPartner?.(word.value)
    })
    this.#socket.on('pair', (value) => {
      const word = parsePairWord(value)
      if (word.ok) this.onPair(word.value)
    })
    this.#socket.on('announcements', (value) => {
      const announcements = parseAnnouncements(value)
      if (announcements.ok) parts.onAnnouncements?.(announcements.value)
    })
    this.#socket.on('sanctioned', (value) => {
      const word = parseSanctionWord(value)
      if (word.ok) this.#giveUp(fail('sanctioned', saySanction(word.value)))
    })
    this.#socket.on('draining', () => {
      this.#draining = true
    })
    this.#socket.on('disconnect', (reason) => this.#away(fail('signal-away', reason), false))
    this.#socket.on('connect_error', ({ message }) => this.#away(fail('signal-away', message), false))
    parts.onState({ state: 'connecting' })
  }

  /** The server's clock, as well as this tab knows it. Tickets go by it. */
  serverNowMs(): number {
    return this.#parts.nowMs() + this.#aheadMs
  }

  /** As the server last told; they are good for tickets while it is away. */
  get ticketKeys(): readonly TicketKey[] {
    return this.#ticketKeys
  }

  get iceServers(): readonly IceServer[] {
    return this.#iceServers
  }

  /** Told at once and with every heartbeat from now on. */
  say(holding: Holding): void {
    this.#holding = holding
    void this.#beat()
  }

  /** What is `about` this tab has changed: told at once. */
  tell(): void {
    void this.#beat()
  }

  /** Refusals: `peer-unknown`, `signal-away`, and what the server refuses. */
  relay(to: PeerId, sealed: Sealed): Promise<Result<null>> {
    return done(this.#answer((socket) => socket.emitWithAck('relay', { to, sealed })))
  }

  /** Refusals: `no-holder`, `no-capacity`, `unreachable`, `filter-empty`, `signal-away`, and what the server refuses. */
  async plan(wish: PlanWish): Promise<Result<Plan>> {
    const answer = await this.#askNew((socket) => socket.emitWithAck('plan', wish))
    return answer.ok ? parsePlan(answer.value) : answer
  }

  async assign(wish: AssignWish): Promise<Result<Assigned>> {
    const answer = await this.#askNew((socket) => socket.emitWithAck('assign', wish))
    return answer.ok ? parseAssigned(answer.value) : answer
  }

  /**
   * Who answers a whole request, or its place in the line; then `onJob` tells what becomes of it. Refusals: `no-holder`,
   * `no-capacity`, `unreachable`, `filter-empty`, `room-unknown`, `jobs-full`, `job-ended`, `signal-away`, and what the server
   * refuses.
   */
  async job(wish: JobWish): Promise<Result<JobWord>> {
    const answer = await this.#askNew((socket) => socket.emitWithAck('job', wish))
    return answer.ok ? parseJobWord(answer.value) : answer
  }

  /** Refusals: `job-unknown`, `job-ended`, `signal-away`, and what the server refuses. */
  jobNews(news: JobNews): Promise<Result<null>> {
    return done(this.#answer((socket) => socket.emitWithAck('jobNews', news)))
  }

  /** Refusals: those of the server. */
  room(wish: RoomWish): Promise<Result<null>> {
    return done(this.#answer((socket) => socket.emitWithAck('room', wish)))
  }

  /** Value: the chains that claim the key that was asked for; none for what was told. Refusals: those of the server. */
  async account(wish: AccountWish): Promise<Result<readonly AccountChain[]>> {
    const answer = await this.#answer((socket) => socket.emitWithAck('account', wish))
    return answer.ok ? parseAccountChains(answer.value) : answer
  }

  /** As its kind: see `CreditWish`. What comes back is not parsed here. Refusals: those of the server. */
  credit(wish: CreditWish): Promise<Result<unknown>> {
    return this.#answer((socket) => socket.emitWithAck('credit', writeCredits(wish)))
  }

  /** As its kind: see `PairWish`. What comes back is not parsed here. Refusals: those of the server. */
  pair(wish: PairWish): Promise<Result<unknown>> {
    return this.#answer((socket) => socket.emitWithAck('pair', wish))
  }

  /** Whether to hear how many serve what, in all or in a room; also after the server was away. */
  look(on: boolean | RoomId): void {
    if (on === this.#looking) return
    this.#looking = on
    if (this.#here) void this.#tellLook()
  }

  /** Gone for everybody at once. */
  async leave(): Promise<void> {
    if (this.#here) await this.#ask((socket) => socket.emitWithAck('leave', null))
    this.close()
  }

  close(): void {
    this.#rest()
    this.#socket.disconnect()
  }

  async #prove(value: unknown): Promise<void> {
    const challenge = parseChallenge(value)
    if (!challenge.ok) return this.#giveUp(challenge)
    const { nonce, server, protocols } = challenge.value
    if (server !== new URL(this.#parts.url).host)
      return this.#giveUp(fail('server-other', `It calls itself ${server}.`))
    const protocol = Math.min(protocols.max, SIGNAL_PROTOCOLS.max)
    if (protocol < Math.max(protocols.min, SIGNAL_PROTOCOLS.min)) {
      return this.#giveUp(fail('protocol-unknown', `The server speaks ${protocols.min} to ${protocols.max}.`))
    }
    const { key, run, nowMs, onState } = this.#parts
    const signature = toBase64Url(await key.sign('connect', [server, nonce, run]))
    const asked = nowMs()
    const proof = {
      protocol,
      key: key.name,
      run,
      signature,
      resume: this.#resume,
      partner: this.#parts.partner ?? null,
    }
    const answer = await this.#ask((socket) => socket.emitWithAck('prove', proof))
    const welcome = answer.ok ? parseWelcome(answer.value) : answer
    // The server cuts this socket, and the next one may have its turn.
    if (!welcome.ok && welcome.code === 'partner-busy') return
    if (!welcome.ok) return this.#giveUp(welcome)
    this.#resume = welcome.value.resume
    // The answer was made somewhere between asking and hearing it.
    this.#aheadMs = welcome.value.timeMs - (asked + nowMs()) / 2
    this.#ticketKeys = welcome.value.ticketKeys
    this.#iceServers = welcome.value.iceServers
    this.#rest()
    this.#draining = false
    this.#become(true)
    onState({ state: 'here' })
    this.#beating = (this.#parts.every ?? everyOfPage)(
      HEARTBEAT_MS,
      () => void this.#beat(this.#holding ?? HOLDS_NOTHING),
    )
    if (this.#looking) void this.#tellLook()
    await this.#beat()
  }

  #tellLook(): Promise<Result<unknown>> {
    return this.#answer((socket) => socket.emitWithAck('look', this.#looking))
  }

  async #beat(holding = this.#holding): Promise<void> {
    if (!holding || !this.#beating) return
    const presence = { ...holding, ...(this.#parts.about?.() ?? { relayOnly: false, near: [] }) }
    await this.#answer((socket) => socket.emitWithAck('presence', presence))
  }

  /** New work. */
  async #askNew(ask: (socket: PatientSocket) => Promise<unknown>): Promise<Result<unknown>> {
    return this.#draining ? fail('signal-away', 'It is about to stop.') : this.#answer(ask)
  }

  /** What the server answers to an event. Refusals: `signal-away`, and its own. */
  async #answer(ask: (socket: PatientSocket) => Promise<unknown>): Promise<Result<unknown>> {
    return (await this.#isHere()) ? this.#ask(ask) : (this.#gaveUp ?? fail('signal-away', ''))
  }

  /** The same for whom the server does not know yet. */
  async #ask(ask: (socket: PatientSocket) => Promise<unknown>): Promise<Result<unknown>> {
    try {
      return readAnswer(await ask(this.#socket.timeout(ANSWER_EVENT_MS_MAX)))
    } catch {
      return fail('signal-away', 'It did not answer in time.')
    }
  }

  /** Where it is not proven right now, waits a little: it may be coming back. */
  #isHere(): Promise<boolean> {
    if (this.#here || this.#gaveUp !== null) return Promise.resolve(this.#here)
    return new Promise((resolve) => {
      const settle = (here: boolean) => {
        clearTimeout(timer)
        resolve(here)
      }
      const timer = setTimeout(() => settle(false), ANSWER_EVENT_MS_MAX)
      this.#waiting.push(settle)
    })
  }

  #become(here: boolean): void {
    this.#here = here
    if (here || this.#gaveUp !== null) for (const settle of this.#waiting.splice(0)) settle(here)
  }

  #away(reason: Failure, final: boolean): void {
    this.#rest()
    if (final) this.#gaveUp = reason
    this.#become(false)
    this.#parts.onState({ state: 'away', reason, final })
  }

  #giveUp(reason: Failure): void {
    this.#socket.disconnect()
    this.#away(reason, true)
  }

  #rest(): void {
    this.#beating?.()
    this.#beating = null
  }
}

function everyOfPage(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms)
  return () => clearInterval(timer)
}

async function done(answer: Promise<Result<unknown>>): Promise<Result<null>> {
  const result = await answer
  return result.ok ? ok(null) : result
}

/** A server that answers anything else is none of ours. */
function readAnswer(value: unknown): Result<unknown> {
  if (value === null || typeof value !== 'object') return fail('event-invalid', '')
  const { ok: good, value: inner, code, detail } = value as Record<string, unknown>
  if (good === true) return ok(inner)
  if (typeof code !== 'string' || typeof detail !== 'string') return fail('event-invalid', '')
  return fail(Object.hasOwn(CODES, code) ? (code as Code) : 'peer-refused', detail)
}
