/** A model of the mirror as the list has it: it fits on this GPU, and nothing of it is kept. Values only. */
import type { ModelEntry } from '../../web/app-view.ts'
import type { ModelSummary } from '../../web/wire/model.ts'

export function fakeEntry(model: ModelSummary): ModelEntry {
  const known = { state: 'known', model, engine: 'stage', gpuBytes: 300e6, gpuBytesMax: 2e9, fits: true } as const
  return {
    key: model.id,
    source: { kind: 'mirror', id: model.id },
    model,
    kept: false,
    keptBytes: 0,
    origin: { kind: 'mirror' },
    pending: false,
    speed: null,
    family: null,
    fit: { ...known, reason: '', choice: null, options: [] },
  }
}
