/**
 * Brings a whole model into this browser, whatever kind it is, and says how far it is. What is kept already is not fetched
 * again; a model that is wholly kept is read and checked. Decides nothing about order or tries: its caller does.
 */
import { CHUNK_BYTES } from '../wire/limits/models.ts'
import { type Failure, ok, type Result } from '../wire/result.ts'
import { fetchIndex } from './catalogue.ts'
import { downloadHubGguf } from './hub-download.ts'
import { openHubMlc } from './hub-files.ts'
import { abortedFailure } from './lanes.ts'
import { type MlcFiles, openMirroredMlc } from './mlc-files.ts'
import { type ModelSpec, type OpenedModel, openModel } from './open-model.ts'
import { listCached, openShelf } from './shelf.ts'
import type { Downloaded, DownloadProgress, DownloadSpec } from './worker-api.ts'

type OnProgress = (progress: DownloadProgress) => void

export async function download(
  spec: DownloadSpec,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Result<Downloaded>> {
  const done = await bring(spec, onProgress, signal)
  // Whatever a cut looked like from inside: it was asked for.
  return !done.ok && signal.aborted ? abortedFailure() : done
}

function bring(spec: DownloadSpec, onProgress: OnProgress, signal: AbortSignal): Promise<Result<Downloaded>> {
  switch (spec.kind) {
    case 'mirror':
      return spec.format === 'mlc'
        ? fromMlc(openMirroredMlc(spec.id, spec.baseUrl, signal), onProgress, signal)
        : fromModel(spec, onProgress, signal)
    case 'file':
      return fromModel(spec, onProgress, signal)
    case 'prebuilt':
      return fromMlc(openHubMlc(spec.name, spec.addresses, signal), onProgress, signal)
    case 'hub':
      return fromHub(spec, onProgress, signal)
    default:
      return spec satisfies never
  }
}

async function fromModel(spec: ModelSpec, onProgress: OnProgress, signal: AbortSignal): Promise<Result<Downloaded>> {
  const opened = await openModel(spec, { signal, onProgress: (read) => onProgress({ phase: 'check', ...read }) })
  if (!opened.ok) return opened
  try {
    const failure = await fill(opened.value, onProgress, signal)
    return failure ?? ok({ id: opened.value.id })
  } finally {
    opened.value.close()
  }
}

async function fill({ source }: OpenedModel, onProgress: OnProgress, signal: AbortSignal): Promise<Failure | null> {
  // Without a place to keep it, there is nothing to download into.
  if (source.notice) return source.notice
  let wasWhole = true
  const all = { offset: 0, length: source.size }
  const fetched = await source.prefetch(
    [all],
    (progress) => {
      wasWhole &&= progress.doneBytes === progress.totalBytes
      onProgress({ phase: 'fetch', ...progress })
    },
    signal,
  )
  if (!fetched.ok) return fetched
  if (source.notice) return source.notice
  for (let offset = 0; wasWhole && offset < source.size; offset += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, source.size - offset)
    const read = await source.read(offset, length, signal)
    if (!read.ok) return read
    onProgress({ phase: 'check', doneBytes: offset + length, totalBytes: source.size })
  }
  return source.notice
}

async function fromMlc(
  opening: Promise<Result<MlcFiles>>,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Result<Downloaded>> {
  const opened = await opening
  if (!opened.ok) return opened
  const files = opened.value
  try {
    const failure = files.notice ?? (await fillMlc(files, onProgress, signal))
    return failure ?? ok({ id: files.id })
  } finally {
    files.close()
  }
}

async function fillMlc(files: MlcFiles, onProgress: OnProgress, signal: AbortSignal): Promise<Failure | null> {
  const { totalBytes } = files.facts
  const wasWhole = (await listCached('mlc')).some(({ id }) => id === files.id)
  const fetched = await files.prefetch((progress) => onProgress({ phase: 'fetch', ...progress }), signal)
  if (!fetched.ok) return fetched
  if (files.notice || !wasWhole) return files.notice
  let doneBytes = 0
  for (const { path, bytes } of files.files) {
    const read = await files.read(path, signal)
    if (!read.ok) return read
    doneBytes += bytes
    onProgress({ phase: 'check', doneBytes, totalBytes })
  }
  return files.notice
}

async function fromHub(
  { file, mirrorUrl }: DownloadSpec & { kind: 'hub' },
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Result<Downloaded>> {
  const shelf = await openShelf()
  if (!shelf.ok) return shelf
  const totalBytes = file.fileBytes
  try {
    // The mirror may know the same bytes by another name.
    const mirror = { baseUrl: mirrorUrl, index: await fetchIndex(mirrorUrl, signal) }
    const done = await downloadHubGguf(file, shelf.value, mirror, {
      signal,
      onFetch: (doneBytes) => onProgress({ phase: 'fetch', doneBytes, totalBytes }),
      onCheck: (doneBytes) => onProgress({ phase: 'check', doneBytes, totalBytes }),
    })
    return done.ok ? ok({ id: done.value }) : done
  } finally {
    shelf.value.close()
  }
}
