/** The real `Engines` over the one fake engine: what `App` runs on in tests. Remembers no speeds. */
import { Engines } from '../../web/schedule/engines.ts'
import { SpeedStore } from '../../web/schedule/speed-store.ts'
import type { FakeCatalogue } from './fake-catalogue.ts'
import type { FakeEngine } from './fake-engine.ts'

export function runnerOf(engine: FakeEngine, catalogue: FakeCatalogue): Engines {
  return new Engines({
    make: { [engine.name]: async () => engine },
    async allowSoftware() {
      const config = await catalogue.config()
      return config.ok && config.value.allowSoftwareAdapter
    },
    cpuThreads: 2,
    speeds: new SpeedStore(null),
  })
}
