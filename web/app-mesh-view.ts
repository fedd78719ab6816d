/**
 * What `App.mesh` says is true now, as plain values, and what a person may set of it. Types and constants only: screens and
 * tests read these without knowing how the mesh works.
 */
import type { AccountView } from './account/my-account.ts'
import type { RoomView } from './account/room-view.ts'
import type { Hours, Rest, RestReason } from './rules/giving.ts'
import type { GivingWay, GivingWish, WayChoice } from './rules/giving-way.ts'
import type { RouteTimes } from './schedule/lap-meter.ts'
import type { MeshPreferences } from './store/preferences.ts'
import type { Census } from './wire/census.ts'
import type { EngineName, LoadProgress } from './wire/chat.ts'
import type { LayerSpan, PeerId } from './wire/peers.ts'
import type { Failure, Result } from './wire/result.ts'
import type { Announcement } from './wire/rulings.ts'

export type { AccountView } from './account/my-account.ts'
export type { RoomPerson, RoomView } from './account/room-view.ts'

/** Screens read these here. */
export type { GivingWay, GivingWish, Hours, Rest, RestReason, WayChoice }

/** `off`: nothing was connected. `away`: it comes back by itself, unless `final`. */
export type SignalView =
  | { readonly state: 'off' | 'connecting' | 'here' }
  | { readonly state: 'away'; readonly reason: Failure; readonly final: boolean }

/** What keeps a hidden tab awake: a small window, a sound that nobody hears, or nothing. */
export type Awake = 'window' | 'sound' | 'none'

/** What a tab gives, measured over the last seconds. Null until there is something to compare. */
export interface MeshRates {
  readonly tokensPerSecond: number
  readonly bytesInPerSecond: number
  readonly bytesOutPerSecond: number
}

export type ContributionView =
  /** `refusal`: why it ended by itself. */
  | { readonly state: 'off'; readonly refusal: Failure | null }
  /** Until the server has said which layers are needed, or is there to be told of whole answers. */
  | { readonly state: 'connecting'; readonly key: string; readonly way: GivingWay }
  | {
      readonly state: 'loading'
      readonly key: string
      /** Null of the whole model. */
      readonly span: LayerSpan | null
      readonly progress: LoadProgress | null
      readonly bytesPerSecond: number | null
    }
  /** The whole model is loaded and runs for nobody, to learn how fast it is. */
  | { readonly state: 'measuring'; readonly key: string }
  | (Serving & { readonly way: 'layers'; readonly span: LayerSpan; readonly msPerLayer: number })
  | (Serving & WholeServing)
  /** It computes nothing. `stays`: the whole model is still loaded, because the person's own chat uses it. */
  | (Rest & { readonly state: 'paused'; readonly key: string; readonly stays: boolean })

interface Serving {
  readonly state: 'serving'
  readonly key: string
  readonly modelId: string
  /** Requests of others that are open now. */
  readonly requests: number
  /** Of prompts and answers, since it began. */
  readonly tokens: number
  readonly rates: MeshRates | null
  /** How many times longer a token takes while the tab is hidden; null until both were measured. */
  readonly hiddenSlowdown: number | null
  /** Null where nothing is wanted, or not known yet. */
  readonly awake: Awake | null
}

/** Whole answers, by the engine that the person's own chat uses. */
export interface WholeServing {
  readonly way: 'whole'
  readonly engine: EngineName
  /** Tokens of prompt and answer that it is offered with. */
  readonly positions: number
  /** As offered; null where that could not be measured. */
  readonly tokensPerSecond: number | null
  readonly prefillTokensPerSecond: number | null
  /** Answers and sets of vectors that were given whole, since it began. */
  readonly jobs: number
}

export interface GivingPlan {
  /** Layers of it that can be shared and fit; zero while it is not known what the model needs. */
  readonly layers: number
  /** Refusals: those of `wayOf`; `not-loaded` while it is not known what the model needs. */
  readonly choice: Result<WayChoice>
}

export interface LinkView {
  readonly peer: PeerId
  /** Null while that is not known. */
  readonly relayed: boolean | null
  readonly roundTripMs: number | null
}

export interface RouteStageView {
  readonly span: LayerSpan
  /** Who stands there now. */
  readonly peer: PeerId
  readonly standby: PeerId | null
  /** Those who stood there before, first to last. */
  readonly lost: readonly PeerId[]
  readonly state: 'ready' | 'lost'
}

export interface RouteNews {
  readonly kind: 'lost' | 'replaced' | 'recovered' | 'searching' | 'rerouted'
  /** Null of the route as a whole. */
  readonly peer: PeerId | null
  readonly span: LayerSpan | null
  /** The page's clock. */
  readonly atMs: number
  /** Of `recovered`: from the first loss until the answer went on. */
  readonly tookMs: number | null
}

/** One request of this tab over others. */
export interface RouteView {
  readonly request: string
  readonly modelId: string
  readonly stages: readonly RouteStageView[]
  readonly tokens: number
  /** Nobody stood by for a stage: another route is looked for, and the answer waits. */
  readonly searching: boolean
  /** False once the answer has ended. */
  readonly running: boolean
  readonly news: readonly RouteNews[]
  /** Null until it was measured; stays as it was at the end. */
  readonly times: RouteTimes | null
}

/** Kept by this browser. Nothing connects before `consent`. */
export type MeshSettings = MeshPreferences

/** What this browser tells of its device. */
export interface GivingMeans {
  readonly battery: boolean
  /** Whether somebody uses the device at all, beside this page. */
  readonly deviceActivity: boolean
  /** A small window that stays in sight. */
  readonly awakeWindow: boolean
  readonly screenOn: boolean
}

/** Replaced as a whole on every change; never mutated. */
export interface MeshView {
  readonly settings: MeshSettings
  readonly signal: SignalView
  /** This tab's name among peers; null until it has joined. */
  readonly self: PeerId | null
  readonly contribution: ContributionView
  readonly links: readonly LinkView[]
  /** The newest first. */
  readonly routes: readonly RouteView[]
  /** Others are answering this tab, or it waits for them. */
  readonly asking: boolean
  /** Null until the server has told. */
  readonly census: Census | null
  /** Of this browser; empty until it has joined. */
  readonly rooms: readonly RoomView[]
  /** Null until it has joined. */
  readonly account: AccountView | null
  /** What the operator of the server tells everybody, as long as this tab is connected. */
  readonly announcements: readonly Announcement[]
}
