/**
 * What a page keeps models in and meets other tabs through: the browser's own, or what a frame was granted of Weft's own. Who a
 * person is (key, account, rooms) and what was said are no part of it. Decides nothing.
 */
import type { Locks } from './download-tabs.ts'
import type { ModelRunner } from './schedule/engine-door.ts'
import { SharedRunner } from './schedule/shared-runner.ts'
import { TABS_CHANNEL } from './schedule/tab-wire.ts'
import { type StorageFacts, storageFacts } from './weights/storage-facts.ts'

export interface Storages {
  /** Of downloads: null where the browser has none, or where they are not those of the place of the models. */
  readonly locks: Locks | null
  readonly channel: (name: string) => BroadcastChannel | null
  /** Tells a worker that was just made where models lie, and hands it on. */
  readonly place: (worker: Worker) => Worker
  /** One owner of the engines per browser, where the browser has the means; else each tab runs its own. */
  readonly share: (engines: ModelRunner) => ModelRunner
  /** Of the room for models. */
  readonly facts: () => Promise<StorageFacts>
}

export function ownStorages(): Storages {
  const locks = 'locks' in navigator ? navigator.locks : null
  return {
    locks,
    channel: openChannel,
    place: (worker) => worker,
    facts: storageFacts,
    share(engines) {
      const channel = locks && openChannel(TABS_CHANNEL)
      return locks && channel ? new SharedRunner({ engines, locks, channel, tab: crypto.randomUUID() }) : engines
    },
  }
}

/** A browser may refuse one, as it does all storage: then each tab is alone. */
function openChannel(name: string): BroadcastChannel | null {
  try {
    return new BroadcastChannel(name)
  } catch {
    return null
  }
}
