/** What the processes of `bench:signal` tell each other, and the crowd that they agree on. Computes nothing else. */
import type { PeerId } from '../../web/wire/peers.ts'
import { type PlanWish, parsePlanWish } from '../../web/wire/plan-events.ts'
import type { Presence } from '../../web/wire/signal-events.ts'

export const LAYERS = 32
const STAGES = 4
const NEIGHBOURS = 4

export interface Memory {
  readonly heapUsed: number
  readonly rss: number
}

/** While plans were asked for: how late the loop came to what was due, and what of that the collector took in all. */
export interface Waited {
  readonly loopMs: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly gcMs: { readonly minor: number; readonly major: number; readonly max: number }
}

export type ServerAsked = 'memory' | 'watch' | 'waited'
export type ServerTells =
  | { readonly says: 'url'; readonly url: string }
  | ({ readonly says: 'memory' } & Memory)
  | ({ readonly says: 'waited' } & Waited)
export type CrowdAsked =
  | { readonly ask: 'join'; readonly urls: readonly string[]; readonly peers: number; readonly models: number }
  | { readonly ask: 'relay'; readonly seconds: number }
export type CrowdTells =
  | { readonly says: 'joined'; readonly seconds: number }
  | { readonly says: 'relayed'; readonly messages: number; readonly seconds: number }
  | { readonly says: 'lost'; readonly code: string }

export const modelOf = (index: number, models: number) => (index % models).toString(16).padStart(64, 'a')

/** As a tab that serves a quarter of a model, with links to a few others. */
export function presenceOf(index: number, models: number, others: readonly PeerId[]): Presence {
  const first = (Math.floor(index / models) % STAGES) * (LAYERS / STAGES)
  const span = { first, last: first + LAYERS / STAGES }
  const near = Array.from({ length: Math.min(NEIGHBOURS, others.length - 1) }, (_, ahead) => ({
    peer: others[(index + ahead + 1) % others.length] ?? '',
    roundTripMs: 20 + ((index + ahead) % 30),
  }))
  return {
    numericClass: 'bench/a',
    visible: index % 3 !== 0,
    held: [
      { modelId: modelOf(index, models), span, msPerLayer: 1 + (index % 7) / 10, freePositions: 8_192, queued: 0 },
    ],
    offers: [],
    relayOnly: false,
    near,
    room: null,
  }
}

export function planOf(index: number, models: number): PlanWish {
  const parsed = parsePlanWish({
    request: index.toString(16).padStart(32, '0'),
    modelId: modelOf(index, models),
    layers: LAYERS,
    positions: 1_024,
    avoid: [],
    ends: null,
    room: null,
    pays: null,
  })
  if (!parsed.ok) throw new Error(parsed.detail)
  return parsed.value
}
