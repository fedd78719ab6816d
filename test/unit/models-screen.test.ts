/** What the Models screen says and where it lists a model: the sentences and the groups, without a page. */
import { describe, expect, it } from 'vitest'
import type { DownloadView, ModelEntry } from '../../web/app-view.ts'
import { groupModels } from '../../web/ui/models/groups.ts'
import {
  sayDiscard,
  sayDownload,
  sayOrigin,
  sayRemoval,
  sayRuns,
  sayShape,
  saySpeed,
  sayStorage,
  speakDownload,
} from '../../web/ui/models/model-words.ts'
import { fakeModel } from '../support/fake-engine.ts'

function entry(index: number, more: Partial<ModelEntry> = {}): ModelEntry {
  const model = fakeModel(index)
  const source = { kind: 'mirror', id: model.id } as const
  const facts = { kept: false, keptBytes: 0, pending: false, speed: null, family: null } as const
  return { key: model.id, source, model, origin: { kind: 'mirror' }, fit: { state: 'checking' }, ...facts, ...more }
}

function download(key: string, more: Partial<DownloadView> = {}): DownloadView {
  const counts = { doneBytes: 12e6, totalBytes: 94e6, bytesPerSecond: null, secondsLeft: null }
  return { key, name: 'Model', state: 'fetching', here: true, ...counts, ...more }
}

const hub = { kind: 'hub', host: 'hub.test', repo: 'a/b' } as const
const answers = { loaded: false, mirrorAnswers: true }

describe('groups', () => {
  const kept = entry(1, { kept: true, keptBytes: 94e6 })
  const listed = entry(2)
  const begun = entry(3, { keptBytes: 12e6 })
  const pending = entry(4, { pending: true, origin: hub })
  const opened = entry(5, { source: { kind: 'file', file: new File([], 'a.gguf') }, origin: { kind: 'device' } })
  const prebuilt = entry(6, { family: 'Llama', origin: hub })
  const entries = [kept, listed, begun, pending, opened, prebuilt]
  const keys = (rows: readonly { readonly key: string }[]) => rows.map(({ key }) => key)

  it('hold each model once', () => {
    const groups = groupModels({ entries, downloads: [download(begun.key)] })
    expect(keys(groups.coming)).toEqual([begun.key])
    expect(keys(groups.here)).toEqual([kept.key])
    expect(keys(groups.server)).toEqual([listed.key])
    expect(keys(groups.elsewhere)).toEqual([pending.key, opened.key])
    expect(groups.families.map(({ name, rows }) => [name, keys(rows)])).toEqual([['Llama', [prebuilt.key]]])
  })

  it('list downloads as they are queued, also of a model that this page does not know', () => {
    const downloads = [download('other', { here: false }), download(prebuilt.key), download(listed.key)]
    expect(keys(groupModels({ entries, downloads }).coming)).toEqual(['other', prebuilt.key, listed.key])
  })

  it('leave a whole model where it is while it is checked', () => {
    const groups = groupModels({ entries, downloads: [download(kept.key, { state: 'checking' })] })
    expect(keys(groups.here)).toEqual([kept.key])
    expect(groups.coming).toEqual([])
  })

  it('are searched by every word, in names, families and licenses', () => {
    const find = (query: string) => Object.values(groupModels({ entries, downloads: [] }, query)).flat().length
    expect(find('llama apache')).toBe(5 + 1)
    expect(find('MODEL-2')).toBe(1)
    expect(find('model-2 nothing')).toBe(0)
  })
})

describe('words', () => {
  it('of a speed say how it is known, and estimate with two figures', () => {
    expect(saySpeed(null)).toBe('')
    expect(saySpeed({ tokensPerSecond: 48.25, basis: 'measured' })).toBe('48 tokens/s, measured here')
    expect(saySpeed({ tokensPerSecond: 1353, basis: 'tested' })).toBe('About 1,400 tokens/s, estimated by the GPU test')
    expect(saySpeed({ tokensPerSecond: 3.21, basis: 'scaled' })).toBe(
      'About 3.2 tokens/s, estimated from another model',
    )
    expect(saySpeed({ tokensPerSecond: 160, basis: 'assumed' })).toBe('Speed not measured yet')
  })

  it('of a missing GPU are said once', () => {
    const fit = { state: 'refused', code: 'no-webgpu', detail: '' } as const
    expect(sayRuns(fit, { ...fit, state: 'none' })).toBe('It needs a GPU, and none can be used here.')
    expect(sayRuns(fit, { state: 'checking' })).toContain('(no-webgpu)')
  })

  it('of storage say only what the browser says', () => {
    const storage = { modelBytes: 94e6, usedBytes: 97e6, quotaBytes: 1e9, persisted: null }
    expect(sayStorage(storage)).toEqual(['Models 94 MB', 'other data of Weft 3.0 MB', '903 MB free'])
    expect(sayStorage({ ...storage, usedBytes: 94e6 })).toEqual(['Models 94 MB', '906 MB free'])
    expect(sayStorage({ ...storage, quotaBytes: null })[1]).toBe('This browser does not say how much room there is')
  })

  it('of a removal say what it costs to have the model again', () => {
    const kept = entry(1, { kept: true, keptBytes: 94e6 })
    const last = (model: ModelEntry, how = answers) => sayRemoval(model, how).at(-1)
    expect(sayRemoval(kept, { ...answers, loaded: true })).toEqual([
      'This frees 94 MB. Your conversations stay.',
      'It is loaded now and is let go of first.',
      'To use it again, 94 MB are downloaded again from this server.',
    ])
    expect(last({ ...kept, origin: hub })).toBe('To use it again, 94 MB are downloaded again from hub.test.')
    expect(last({ ...kept, origin: { kind: 'device' } })).toBe(
      'No server lists it: to have it again you need its file.',
    )
    expect(last({ ...kept, origin: { kind: 'device' } }, { ...answers, mirrorAnswers: false })).toContain(
      'Now it does not answer.',
    )
  })

  it('of a download say what is going on, in this tab or another', () => {
    expect(sayDownload(download('a', { here: false }))).toBe('Downloading in another tab')
    expect(sayDownload(download('a', { state: 'waiting', code: 'worker-lost' }))).toBe('Starts again in a moment')
    expect(sayDiscard(download('a'))).toBe(
      '12 MB of 94 MB are here and would be thrown away. To keep them for later, pause instead.',
    )
    expect(speakDownload(download('a', { state: 'failed', code: 'storage-full' }))).toBe(
      'Model: The browser has no room to keep this model. Free some space or pick a smaller model.',
    )
  })

  it('of a model say where it comes from and only what is known of its shape', () => {
    expect(sayOrigin(entry(1, { origin: hub }))).toBe('hub.test/a/b')
    expect(sayOrigin(entry(1, { origin: { kind: 'device' }, kept: true }))).toBe('Only in this browser')
    expect(sayShape(entry(1).model)).toBe('llama, 135 million parameters, 30 layers, reads up to 2,048 tokens')
    expect(sayShape(fakeModel(1, { architecture: 'unknown', parameters: 0, layers: 0, contextLength: 0 }))).toBe('')
  })
})
