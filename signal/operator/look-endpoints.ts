/**
 * What the operator may look at below `/operator/`: figures of now, peers, jobs and rooms of this process, and the rules in force. It
 * changes nothing. Lists come in pages, with what is looked for; nothing in them has an address or a word of a person.
 */
import type { CreditPolicy } from '../../web/rules/credit-policy.ts'
import type { JobRow, NowView, PeerRow, RoomRow } from '../../web/wire/operator-views.ts'
import { keyOfPeer, shortPeer } from '../../web/wire/peers.ts'
import { ok } from '../../web/wire/result.ts'
import type { Config } from '../config.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { Hub } from '../sockets/hub.ts'
import { paged } from './pages.ts'
import type { OperatorEndpoint } from './router.ts'
import { ruleGroups } from './rules-in-force.ts'

export interface LookParts {
  /** It begins after the requests are listened to. */
  readonly hub: () => Pick<Hub, 'roster' | 'sockets' | 'connected' | 'draining' | 'rooms' | 'jobs' | 'sinceMs'>
  readonly ownersOf: (key: string) => readonly string[]
  readonly metrics: Metrics
  readonly policy: CreditPolicy
  readonly config: Config
  readonly nowMs: () => number
}

const SHORT_CHARACTERS = 6

export function lookEndpoints(parts: LookParts): readonly OperatorEndpoint[] {
  const sinceMs = parts.nowMs()
  return [
    { method: 'GET', path: /^now$/, answer: async () => ok(await nowOf(parts, sinceMs)) },
    { method: 'GET', path: /^peers$/, answer: async (call) => ok(paged(call, peersOf(parts), wordsOfPeer)) },
    { method: 'GET', path: /^jobs$/, answer: async (call) => ok(paged(call, jobsOf(parts), wordsOfJob)) },
    { method: 'GET', path: /^rooms$/, answer: async (call) => ok(paged(call, roomsOf(parts), ({ room }) => [room])) },
    { method: 'GET', path: /^policy$/, answer: async () => ok({ groups: ruleGroups(parts.policy, parts.config) }) },
  ]
}

async function nowOf({ hub, metrics, nowMs }: LookParts, sinceMs: number): Promise<NowView> {
  const { roster, connected, sockets, rooms, jobs, draining } = hub()
  const counts = Object.entries(jobs.counts()).map(([name, count]) => ({ name, count }))
  const presences = { peers: roster.size, connected, sockets, rooms: rooms.size, jobs: counts }
  return { atMs: nowMs(), sinceMs, draining, ...presences, ...(await metrics.totals()) }
}

function peersOf({ hub, ownersOf }: LookParts): readonly PeerRow[] {
  const here = hub()
  return here.roster.all().map(({ id, presence }) => {
    const key = keyOfPeer(id) ?? ''
    return {
      peer: shortPeer(id),
      key,
      account: ownersOf(key)[0] ?? key,
      sinceMs: here.sinceMs(id),
      visible: presence?.visible ?? null,
      held: (presence?.held ?? []).map(({ modelId, span }) => ({ modelId, span })),
      offers: (presence?.offers ?? []).map(({ modelId }) => modelId),
      inRoom: presence?.room != null,
    }
  })
}

function jobsOf({ hub }: LookParts): readonly JobRow[] {
  const jobs = hub()
    .jobs.open()
    .map(({ wish, facts, madeMs, unpaid, asker, worker }) => ({
      job: wish.job.slice(0, SHORT_CHARACTERS),
      kind: wish.kind,
      class: wish.class,
      modelId: wish.modelId,
      state: facts.state,
      madeMs,
      leases: facts.leases,
      tokens: facts.tokens,
      paid: !unpaid,
      inRoom: wish.room !== null,
      asker: shortPeer(asker),
      worker: facts.state === 'queued' || worker === null ? null : shortPeer(worker),
    }))
  return jobs.sort((a, b) => a.madeMs - b.madeMs)
}

function roomsOf({ hub }: LookParts): readonly RoomRow[] {
  const rooms = [...hub().rooms.halls()].map(({ id, ...counts }) => ({
    room: id.slice(0, SHORT_CHARACTERS),
    ...counts,
  }))
  return rooms.sort((a, b) => b.members - a.members)
}

function wordsOfPeer({ peer, key, account, held, offers }: PeerRow): readonly string[] {
  return [peer, key, account, ...held.map(({ modelId }) => modelId), ...offers]
}

function wordsOfJob({ job, kind, modelId, state, asker, worker }: JobRow): readonly string[] {
  return [job, kind, modelId, state, asker, worker ?? '']
}
