/**
 * What an `App` is made of and what it answers: what `page.ts` joins, and what tests put in its place. Types only.
 */
import type { ConversationsParts } from './app-conversations.ts'
import type { ModelsParts } from './app-models.ts'
import type { Catalogue, PrebuiltEntry } from './app-shelf.ts'
import type { MeshParts } from './mesh-door.ts'
import type { ModelRunner } from './schedule/engine-door.ts'
import type { PreferenceStore } from './store/preferences.ts'
import type { ResultCache } from './store/result-cache.ts'
import type { Embeddings } from './wire/chat.ts'
import type { Launch } from './wire/launch.ts'

export interface AppParts {
  readonly runner: ModelRunner
  readonly catalogue: Catalogue
  /** WebLLM's own list for this GPU; asked for only where there is one. */
  readonly prebuilt?: () => Promise<readonly PrebuiltEntry[]>
  /** Where models are kept by this page itself; without it, only loads keep them. */
  readonly models?: ModelsParts
  /** Where conversations are kept; without it in memory, until the page is closed. */
  readonly conversations?: Pick<ConversationsParts, 'store' | 'writers'>
  /** Where answers at temperature 0 are kept, for who wants that; without it in memory. */
  readonly results?: () => Promise<ResultCache>
  /** What this browser remembers of a person's settings; without it nothing. */
  readonly preferences?: PreferenceStore
  /** What the address of the page asks for; its engine is picked. */
  readonly launch?: Launch
  /** Without it the page has no newer version to go to. */
  readonly updates?: UpdateDoor
  /** Without it this tab can join no other. */
  readonly mesh?: MeshParts
  /** This device answers in place of others only where its person has picked it by hand; it loads nothing before. */
  readonly othersFirst?: boolean
  /** Without it only an unanswered look at the server tells that it is gone. */
  readonly network?: NetworkDoor
}

export interface Embedded extends Embeddings {
  readonly modelId: string
}

/** How the app learns of its own next version. `Updates` keeps it. */
export interface UpdateDoor {
  readonly state: 'none' | 'ready'
  /** Calls back after every change. Returns how to stop. */
  subscribe(listener: () => void): () => void
  /** Leaves the page for the new version, whatever runs: never resolves. */
  apply(): Promise<never>
}

/** What the browser says of its network: a false is believed, a true may be wrong. */
export interface NetworkDoor {
  readonly online: boolean
  /** Calls back after every change. Returns how to stop. */
  subscribe(listener: () => void): () => void
}
