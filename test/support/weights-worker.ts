/**
 * The worker half of `weights-page.ts`: opens models as the engine's worker does, answers one call a message, and plays
 * the browser that damages or evicts what is kept.
 */
import { hex } from '../../web/weights/chunks.ts'
import { type ModelSpec, type OpenedModel, openModel } from '../../web/weights/open-model.ts'
import { deleteCached, listCached, listKept } from '../../web/weights/shelf.ts'
import { assert } from '../../web/wire/result.ts'

let model: OpenedModel | null = null
let prefetchAbort = new AbortController()
const held: FileSystemSyncAccessHandle[] = []

function opened(): OpenedModel {
  assert(model, 'a model is open')
  return model
}

async function chunkFile(id: string, index: number): Promise<FileSystemFileHandle> {
  const root = await navigator.storage.getDirectory()
  const folder = await (await root.getDirectoryHandle('weft-models')).getDirectoryHandle(id)
  return folder.getFileHandle(String(index))
}

const calls = {
  async open(spec: ModelSpec) {
    model?.close()
    const result = await openModel(spec)
    model = result.ok ? result.value : null
    if (!result.ok) return result
    return {
      ok: true,
      id: result.value.id,
      name: result.value.manifest.name,
      tensors: result.value.directory.tensors.length,
    }
  },
  async prefetch(offset: number, length: number) {
    prefetchAbort = new AbortController()
    let reports = 0
    const onProgress = () => {
      reports += 1
    }
    const result = await opened().source.prefetch([{ offset, length }], onProgress, prefetchAbort.signal)
    return { ...result, reports }
  },
  abort: async () => prefetchAbort.abort(),
  async hash(offset: number, length: number) {
    const bytes = await opened().source.read(offset, length)
    if (!bytes.ok) return bytes.code
    return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes.value))))
  },
  notice: async () => opened().source.notice?.code ?? null,
  list: listCached,
  listKept,
  remove: deleteCached,
  async damage(index: number) {
    const handle = await (await chunkFile(opened().id, index)).createSyncAccessHandle()
    handle.write(new Uint8Array([1, 2, 3]), { at: 1000 })
    handle.close()
  },
  async evict(index: number) {
    const root = await navigator.storage.getDirectory()
    const folder = await (await root.getDirectoryHandle('weft-models')).getDirectoryHandle(opened().id)
    await folder.removeEntry(String(index))
  },
  /** Keeps the exclusive handle of a chunk, as a tab that is writing it does. */
  async hold(index: number) {
    const root = await navigator.storage.getDirectory()
    const folder = await (await root.getDirectoryHandle('weft-models')).getDirectoryHandle(opened().id)
    held.push(await (await folder.getFileHandle(String(index), { create: true })).createSyncAccessHandle())
  },
  async release() {
    for (const handle of held.splice(0)) handle.close()
  },
  /** Names of the models that take room. */
  async folders() {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('weft-models')
    const names: string[] = []
    for await (const name of root.keys()) names.push(name)
    return names
  },
  async orphan(name: string) {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('weft-models')
    await root.getDirectoryHandle(name, { create: true })
  },
} satisfies Record<string, (...args: never[]) => Promise<unknown>>

export type WeightsCalls = typeof calls

addEventListener(
  'message',
  async ({ data }: MessageEvent<{ number: number; name: keyof WeightsCalls; args: unknown[] }>) => {
    const call = calls[data.name] as (...args: unknown[]) => Promise<unknown>
    try {
      postMessage({ number: data.number, value: (await call(...data.args)) ?? null })
    } catch (error) {
      postMessage({ number: data.number, error: String(error) })
    }
  },
)
