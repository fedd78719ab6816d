/** An `App` with one model, or some more, over the fake engine and the played mesh; started, and its models looked at. */
import { expect, vi } from 'vitest'
import { App } from '../../web/app.ts'
import type { AppParts } from '../../web/app-parts.ts'
import { PreferenceStore } from '../../web/store/preferences.ts'
import type { ModelSummary } from '../../web/wire/model.ts'
import { ok } from '../../web/wire/result.ts'
import { EMPTY_MIRROR, FakeCatalogue } from './fake-catalogue.ts'
import { FakeEngine } from './fake-engine.ts'
import { FakeMesh } from './fake-mesh.ts'
import { runnerOf } from './fake-runner.ts'

export interface AppOverMesh {
  readonly engine: FakeEngine
  readonly mesh: FakeMesh
  readonly app: App
}

export interface AppOverMeshWish extends Pick<AppParts, 'conversations' | 'preferences'> {
  /** Whether the model runs here. */
  readonly fits: boolean
  /** More of the server, which all run here; and those of them that this browser keeps. */
  readonly others?: readonly ModelSummary[]
  readonly kept?: readonly ModelSummary[]
}

export async function appOverMesh(
  model: ModelSummary,
  { fits, others = [], kept = [], ...more }: AppOverMeshWish,
): Promise<AppOverMesh> {
  const engine = new FakeEngine()
  const mesh = new FakeMesh()
  const catalogue = new FakeCatalogue()
  engine.knows([model, ...others])
  engine.kept = kept
  catalogue.mirror = ok({ ...EMPTY_MIRROR, models: [model, ...others], defaultId: model.id })
  const preferences = new PreferenceStore(null)
  const app = new App({ runner: runnerOf(engine, catalogue), catalogue, mesh: mesh.parts, preferences, ...more })
  if (!fits) engine.inspections.set(model.id, ok({ fits: false, gpuBytes: 9e9, reason: 'Too large.' }))
  await app.start()
  await vi.waitFor(() => expect(app.view.entries.every(({ fit }) => fit.state !== 'checking')).toBe(true))
  return { engine, mesh, app }
}
