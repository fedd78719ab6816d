/** `AppMesh` of a browser with one model, over the played mesh and the one fake engine, which the person's own chat uses too. */
import { AppMesh } from '../../web/app-mesh.ts'
import type { ModelEntry } from '../../web/app-view.ts'
import type { Engines } from '../../web/schedule/engines.ts'
import { PreferenceStore } from '../../web/store/preferences.ts'
import { FakeCatalogue } from './fake-catalogue.ts'
import { FakeEngine } from './fake-engine.ts'
import type { FakeMesh } from './fake-mesh.ts'
import { runnerOf } from './fake-runner.ts'

export interface MeshOfOne {
  readonly mesh: AppMesh
  readonly engine: FakeEngine
  readonly runner: Engines
  /** The model that the person's own chat has loaded. */
  chat: string | null
}

export function meshOfOne(
  played: FakeMesh,
  entry: ModelEntry,
  preferences = new PreferenceStore(null),
  engine = new FakeEngine(),
): MeshOfOne {
  engine.knows([entry.model])
  const runner = runnerOf(engine, new FakeCatalogue())
  const one: MeshOfOne = {
    engine,
    runner,
    chat: null,
    mesh: new AppMesh(played.parts, preferences, {
      runner,
      entryOf: (key) => (key === entry.key ? entry : undefined),
      sourceOf: ({ source }) => source,
      inChat: (key) => key === one.chat,
    }),
  }
  return one
}
