/**
 * What `App.mesh` needs of the mesh, and what it gives it to call back. Types, and the mesh of a page that has none: the
 * code of the real one is fetched once somebody wants it.
 */
import type { MeshNode } from './mesh/node.ts'
import type { MeshTab, MeshTabParts } from './mesh-tab.ts'

type Link = Pick<MeshNode['links'][number], 'peer' | 'stats' | 'path'>

/** What is used of a `MeshTab`. */
export interface JoinedMesh {
  readonly node: Pick<MeshNode, 'peer'> & {
    readonly links: readonly Link[]
    readonly server: { look(on: boolean): void; tell(): void }
  }
  readonly contribution: Pick<MeshTab['contribution'], 'start' | 'stop' | 'serving' | 'positions'>
  readonly chat: Pick<MeshTab['chat'], 'load' | 'chat'>
  leave(): Promise<void>
}

export type MeshHooks = Required<
  Pick<MeshTabParts, 'relayOnly' | 'onSignal' | 'onContribution' | 'onRoute' | 'onCensus'>
>

export interface MeshParts {
  /** May reject: its code is fetched first. */
  readonly join: (hooks: MeshHooks) => Promise<JoinedMesh>
  readonly nowMs: () => number
  /** Calls again and again; returns how to stop it. */
  readonly every: (ms: number, run: () => void) => () => void
  /** Both call back after every change, the first also at once, and return how to stop. */
  readonly watchVisible: (onChange: (visible: boolean) => void) => () => void
  readonly watchActivity: (onChange: (active: boolean) => void) => () => void
}

/** A tab that is alone: of a page that was given no mesh. */
export const ALONE: MeshParts = {
  join: () => Promise.reject(new Error('This page has no mesh.')),
  nowMs: () => 0,
  every: () => () => {},
  watchVisible: () => () => {},
  watchActivity: () => () => {},
}
