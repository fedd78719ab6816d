/**
 * What `App.mesh` needs of the mesh, and what it gives it to call back. Types, and the mesh of a page that has none: the
 * code of the real one is fetched once somebody wants it.
 */
import type { Awake, GivingMeans } from './app-mesh-view.ts'
import type { MeshNode } from './mesh/node.ts'
import type { MeshTab, MeshTabParts } from './mesh-tab.ts'
import type { Battery } from './rules/giving.ts'
import type { PartnerKey } from './wire/partner-keys.ts'
import { fail, type Result } from './wire/result.ts'
import type { RoomId } from './wire/rooms.ts'

type Link = Pick<MeshNode['links'][number], 'peer' | 'stats' | 'path'>

/** What is used of a `MeshTab`. */
export interface JoinedMesh {
  readonly node: Pick<MeshNode, 'peer'> & {
    readonly links: readonly Link[]
    readonly server: { look(on: boolean | RoomId): void; tell(): void } & Pick<
      MeshNode['server'],
      'credit' | 'pair' | 'onPair'
    >
  }
  readonly contribution: Pick<
    MeshTab['contribution'],
    'start' | 'stop' | 'pace' | 'serving' | 'positions' | 'hiddenSlowdown'
  >
  readonly jobs: Pick<MeshTab['jobs'], 'serve' | 'stop' | 'pace' | 'held' | 'counts'>
  readonly chat: Pick<MeshTab['chat'], 'load' | 'chat' | 'count' | 'times'>
  readonly jobAsker: Pick<MeshTab['jobAsker'], 'ask'>
  readonly rooms: Pick<MeshTab['rooms'], 'make' | 'join' | 'renewInvite' | 'answer' | 'remove' | 'leave'>
  readonly account: Pick<
    MeshTab['account'],
    'look' | 'showRequest' | 'hideRequest' | 'add' | 'remove' | 'newWords' | 'recover'
  >
  within(room: RoomId | null): void
  leave(): Promise<void>
}

export type MeshHooks = Required<
  Pick<
    MeshTabParts,
    | 'relayOnly'
    | 'donor'
    | 'onSignal'
    | 'onRooms'
    | 'onAccount'
    | 'onContribution'
    | 'onRoute'
    | 'onCensus'
    | 'onJobs'
    | 'onAnnouncements'
  >
>

export interface MeshParts {
  /** May reject: its code is fetched first. */
  readonly join: (hooks: MeshHooks) => Promise<JoinedMesh>
  /** Of a partner key, by a request to the server: the name of its site. */
  readonly siteOf: (key: PartnerKey) => Promise<Result<string>>
  readonly nowMs: () => number
  /** Calls again and again; returns how to stop it. */
  readonly every: (ms: number, run: () => void) => () => void
  /** All that watch call back after every change, this first one also at once, and return how to stop. */
  readonly watchVisible: (onChange: (visible: boolean) => void) => () => void
  /** `device`: use of the whole device, where the browser tells of it; else of this page. */
  readonly watchActivity: (device: boolean, onChange: (active: boolean) => void) => () => void
  /** Calls back with what is true and after every change; never where the browser does not say. */
  readonly watchBattery: (onChange: (battery: Battery | null) => void) => () => void
  /** Of the wall clock, since midnight. */
  readonly minute: () => number
  /** Until it is stopped. `onClosed`: the person closed its window. */
  readonly keepAwake: (wish: AwakeWish) => () => void
  readonly means: GivingMeans
  /** Asks the person for what `watchActivity` of the device needs; only inside a press. */
  readonly askDeviceActivity: () => Promise<boolean>
}

export interface AwakeWish {
  /** Where the tab is hidden. */
  readonly tab: boolean
  readonly screen: boolean
  readonly onChange: (awake: Awake) => void
  readonly onClosed: () => void
}

/** A tab that is alone: of a page that was given no mesh. */
export const ALONE: MeshParts = {
  join: () => Promise.reject(new Error('This page has no mesh.')),
  siteOf: async () => fail('partner-unknown', ''),
  nowMs: () => 0,
  every: () => () => {},
  watchVisible: () => () => {},
  watchActivity: () => () => {},
  watchBattery: () => () => {},
  minute: () => 0,
  keepAwake: () => () => {},
  means: { battery: false, deviceActivity: false, awakeWindow: false, screenOn: false },
  askDeviceActivity: async () => false,
}
