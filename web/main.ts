/**
 * The composition root: the one place where the parts of the page are made and joined. Decides nothing else.
 */
import { httpCatalogue } from './catalogue.ts'
import { openPage } from './page.ts'
import type { ModelRunner } from './schedule/engine-door.ts'
import { Engines } from './schedule/engines.ts'
import { SharedRunner } from './schedule/shared-runner.ts'
import { type SpeedShelf, SpeedStore } from './schedule/speed-store.ts'
import { StageChat } from './schedule/stage-chat.ts'
import { TABS_CHANNEL } from './schedule/tab-wire.ts'
import { askPersistence } from './weights/persistence.ts'
import { ENGINE_NAMES } from './wire/chat.ts'
import { assert } from './wire/result.ts'

const target = document.querySelector('#page')
assert(target, 'index.html has #page')
const baseUrl = new URL('.', location.href).href
const catalogue = httpCatalogue(baseUrl)
const forever = new AbortController().signal
const now = () => performance.now()

/** A browser may refuse it by throwing at the first touch. */
function speedShelf(): SpeedShelf {
  try {
    return localStorage
  } catch {
    return null
  }
}

const engines = new Engines({
  make: {
    stage: async () =>
      new StageChat({
        makeWorker: () =>
          new Worker(new URL('./engine/worker.ts', import.meta.url), { type: 'module', name: 'stage engine' }),
        baseUrl,
        askPersistence,
        now,
      }),
  },
  async allowSoftware() {
    const config = await catalogue.config(forever)
    return config.ok && config.value.allowSoftwareAdapter
  },
  cpuThreads: crossOriginIsolated ? navigator.hardwareConcurrency : 1,
  speeds: new SpeedStore(speedShelf()),
})

/** One owner per browser, where the browser has the means; else each tab runs its own engines. */
function shareEngines(): ModelRunner {
  if (!('locks' in navigator) || !('BroadcastChannel' in window)) return engines
  const channel = new BroadcastChannel(TABS_CHANNEL)
  return new SharedRunner({ engines, locks: navigator.locks, channel, tab: crypto.randomUUID() })
}

const wish = ENGINE_NAMES.find((name) => name === new URLSearchParams(location.search).get('engine'))
openPage({ runner: shareEngines(), catalogue, ...(wish ? { engineWish: wish } : {}) }, target)
