/**
 * The storage's dedicated worker: a composition root of its own. Only dedicated workers may write where models are kept,
 * and no engine is needed to bring one here. No rule lives in it.
 */
import * as Comlink from 'comlink'
import { DOWNLOAD_TELL_MS } from '../wire/limits/models.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { download } from './download.ts'
import { summariseHubGguf } from './hub-gguf.ts'
import { listHubGgufs } from './hub-list.ts'
import { manifestId } from './manifest.ts'
import { hearPlace } from './place.ts'
import { deleteCached, listKept } from './shelf.ts'
import type { Downloaded, DownloadProgress, DownloadSpec, WeightsWorkerApi } from './worker-api.ts'

let running: AbortController | null = null

/** The first and the last of a phase, and between them as often as a person can read. */
function thinned(tell: (progress: DownloadProgress) => void): (progress: DownloadProgress) => void {
  let phase = ''
  let toldMs = 0
  return (progress) => {
    const now = performance.now()
    const due = now - toldMs >= DOWNLOAD_TELL_MS || progress.phase !== phase
    if (!due && progress.doneBytes !== progress.totalBytes) return
    phase = progress.phase
    toldMs = now
    tell(progress)
  }
}

const api: WeightsWorkerApi = {
  async download(spec: DownloadSpec, onProgress): Promise<Result<Downloaded>> {
    if (running) return fail('model-in-use', 'Another download is under way.')
    running = new AbortController()
    try {
      return await download(spec, thinned(onProgress), running.signal)
    } finally {
      running = null
    }
  },
  async cancel() {
    running?.abort()
  },
  kept: listKept,
  remove: deleteCached,
  async listHub(name, hubUrl) {
    const files = await listHubGgufs(name, hubUrl ?? undefined)
    if (!files.ok) return files
    const offers = files.value.map(async (file) => ({ model: summariseHubGguf(await manifestId(file), file), file }))
    return ok(await Promise.all(offers))
  },
}

hearPlace()
Comlink.expose(api)
