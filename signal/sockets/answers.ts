/**
 * What each word of a proven tab is answered with: parsed here and nowhere else, then handed to the desk that knows. It decides who
 * may say what of a visitor of a partner; not who is proven.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Roster } from '../../web/rules/roster.ts'
import { parseAccountWish } from '../../web/wire/accounts.ts'
import { parseLook } from '../../web/wire/census.ts'
import { parseCreditWish } from '../../web/wire/credit-events.ts'
import { parseJobNews, parseJobWish } from '../../web/wire/jobs.ts'
import { parsePairWish } from '../../web/wire/pairings.ts'
import { keyOfPeer, type PeerId } from '../../web/wire/peers.ts'
import { parseAssignWish, parsePlanWish } from '../../web/wire/plan-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { parseRoomWish } from '../../web/wire/room-events.ts'
import { parsePresence, parseRelayWish, type Reply, type TabSays } from '../../web/wire/signal-events.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Credits } from '../credits/credits.ts'
import { networkOf } from '../credits/grants.ts'
import type { Watch } from '../watch.ts'
import type { Accounts } from './accounts.ts'
import { addressOf, forwardedOf } from './address-of.ts'
import type { CensusDesk } from './census-desk.ts'
import type { JobDesk } from './jobs.ts'
import type { Pairings } from './pairings.ts'
import type { PartnerDesk } from './partner-desk.ts'
import type { Planner } from './planner.ts'
import type { Rooms } from './rooms.ts'
import type { RuledDoor } from './ruled-door.ts'
import type { Tab, TabSocket } from './tab.ts'

/** What a proven tab says, and what each is answered with. */
export type Asked = Exclude<keyof TabSays, 'prove'>
type AnswerOf<Event extends Asked> = Parameters<TabSays[Event]>[1] extends Reply<infer T> ? T : never
export type Answers = {
  readonly [Event in Asked]: (
    own: PeerId,
    value: unknown,
    tab: Tab,
  ) => Result<AnswerOf<Event>> | Promise<Result<AnswerOf<Event>>>
}

export interface Desks {
  readonly roster: Roster
  /** Of proven tabs of this process. */
  readonly sockets: Map<PeerId, TabSocket>
  readonly rooms: Rooms
  readonly planner: Planner
  readonly jobs: JobDesk
  readonly census: CensusDesk
  readonly partners: PartnerDesk
  readonly pairings: Pairings
  readonly door: RuledDoor
  readonly cluster: () => Cluster
  readonly credits: Pick<Credits, 'wish'>
  readonly accounts: Accounts
  readonly watch: Watch
  readonly nowMs: () => number
  /** As `Config`. */
  readonly proxies: number
  readonly leave: (peer: PeerId) => void
}

export function isAsked(answers: Answers, event: string): event is Asked {
  return Object.hasOwn(answers, event)
}

/** A tab may go, or be sent away, while it is looked at what its key allows: it is nobody's visitor then. */
const GONE = fail('not-proven', '')

export function answersOf({
  roster,
  sockets,
  rooms,
  planner,
  jobs,
  census,
  partners,
  pairings,
  door,
  cluster,
  credits,
  accounts,
  watch,
  nowMs,
  proxies,
  leave,
}: Desks): Answers {
  const isHere = (own: PeerId, { socket }: Tab) => sockets.get(own) === socket
  const addressOfTab = ({ socket }: Tab) =>
    addressOf(socket.handshake.address, forwardedOf(socket.handshake.headers), proxies)
  return {
    presence: (own, value, { resume }) => {
      const presence = parsePresence(value)
      if (!presence.ok) return presence
      // A tab that slept for longer than its lease is still the one that this socket has proven.
      const before = roster.peer(own)
      if (!before) roster.join(own, null, resume, nowMs())
      // Most heartbeats say nothing new: what was said is kept, and nobody else is told.
      const said = before?.presence ?? null
      const same = said !== null && isDeepStrictEqual(said, presence.value)
      if (!roster.hear(own, same ? said : presence.value, nowMs())) return fail('not-proven', '')
      if (!same) cluster().here(own)
      jobs.heard(own)
      return ok(null)
    },
    relay: (own, value) => {
      const wish = parseRelayWish(value)
      if (!wish.ok) return wish
      const { to, sealed } = wish.value
      const other = sockets.get(to)
      if (other) other.emit('relayed', { from: own, sealed })
      else if (cluster().has(to)) cluster().relay(to, { from: own, sealed })
      else return fail('peer-unknown', '')
      watch.metrics.relayed()
      return ok(null)
    },
    plan: async (own, value, tab) => {
      const wish = parsePlanWish(value)
      if (!wish.ok) return wish
      const allowed = await partners.allows(own, networkOf(addressOfTab(tab)), wish.value)
      if (!allowed.ok) return allowed
      if (!isHere(own, tab)) return GONE
      const since = performance.now()
      const plan = await planner.plan(own, wish.value)
      const seconds = (performance.now() - since) / 1_000
      watch.metrics.planned(plan.ok ? 'planned' : plan.code, seconds)
      return plan
    },
    assign: (own, value) => {
      const wish = parseAssignWish(value)
      return wish.ok ? ok(planner.assign(own, wish.value)) : wish
    },
    job: async (own, value, tab) => {
      const wish = parseJobWish(value)
      if (!wish.ok) return wish
      const allowed = await partners.allows(own, networkOf(addressOfTab(tab)), wish.value)
      if (!allowed.ok) return allowed
      return isHere(own, tab) ? jobs.wish(own, wish.value) : GONE
    },
    jobNews: (own, value) => {
      const news = parseJobNews(value)
      return news.ok ? jobs.news(own, news.value) : news
    },
    room: async (own, value) => {
      if (partners.isVisitor(own)) return fail('partner-scope', '')
      const wish = parseRoomWish(value)
      if (!wish.ok) return wish
      const done = await rooms.wish(own, wish.value)
      if (done.ok) cluster().room(own, wish.value)
      return done
    },
    account: async (own, value) => {
      if (partners.isVisitor(own)) return fail('partner-scope', '')
      const wish = parseAccountWish(value)
      const key = keyOfPeer(own)
      if (key === null) return fail('not-proven', '')
      if (!wish.ok) return wish
      const done = await accounts.wish(key, wish.value)
      if (done.ok && wish.value.kind === 'tell') cluster().account(key, wish.value)
      door.check(own)
      return done
    },
    credit: (own, value, tab) => {
      const wish = parseCreditWish(value)
      const key = keyOfPeer(own)
      if (key === null) return fail('not-proven', '')
      return wish.ok ? credits.wish({ key, address: addressOfTab(tab) }, wish.value) : wish
    },
    look: (own, value, { socket }) => {
      const on = parseLook(value)
      if (!on.ok) return on
      const room = typeof on.value === 'string' ? on.value : null
      const peers = () => (room === null ? null : rooms.peersIn(own, room))
      census.look(socket, on.value !== false, room === null ? null : { room, peers })
      return ok(null)
    },
    pair: async (own, value, tab) => {
      const wish = parsePairWish(value)
      if (!wish.ok) return wish
      switch (wish.value.kind) {
        case 'offer': {
          const site = await partners.siteOf(own)
          if (!site.ok) return site
          return isHere(own, tab) ? pairings.offer(own, site.value, networkOf(addressOfTab(tab))) : GONE
        }
        case 'take':
          // A frame of another page is no window of a person's own.
          if (partners.isVisitor(own)) return fail('partner-scope', '')
          return pairings.take(own, wish.value.code, networkOf(addressOfTab(tab)))
        case 'say':
          return pairings.say(own, wish.value.window)
        case 'stop':
          return pairings.stop(own)
        case 'look':
          return pairings.look(own)
        case 'end':
          pairings.end(own)
          return ok(null)
        default:
          return wish.value satisfies never
      }
    },
    leave: (own, _, tab) => {
      leave(own)
      if (sockets.get(own) === tab.socket) sockets.delete(own)
      void tab.socket.leave(own)
      tab.peer = null
      return ok(null)
    },
  }
}
