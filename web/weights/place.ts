/**
 * Where models lie, as whoever reads them here sees it: in the storage of this page or worker, or in another that a page was
 * granted and hands to its workers. A worker hears of it once, before anything else is asked of it. Decides nothing.
 */
import * as Comlink from 'comlink'
import { openWeightsDatabase, type WeightsDatabase } from './weights-database.ts'

/** Both halves of one storage: marks of one and bytes of another would be swept as what a delete has left behind. */
export interface WeightsPlace {
  /** Throws a DOMException where the browser refuses; so do the others. */
  root(): Promise<FileSystemDirectoryHandle>
  database(): Promise<WeightsDatabase>
  estimate(): Promise<StorageEstimate>
}

/** What the database is asked for from another thread: all but its end, which is its page's. */
export type DatabaseCalls = Omit<WeightsDatabase, 'close'>

/** An error of the browser does not keep its class on its way to a worker: it travels by its name. */
export type Answered<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly name: string; readonly message: string }

/** What a page offers to its worker. The database of a grant is opened in the page: a handle gives it to no worker. */
export interface PlaceApi {
  ask(name: keyof DatabaseCalls, fields: readonly unknown[]): Promise<Answered<unknown>>
  estimate(): Promise<StorageEstimate>
}

export interface PlaceWord {
  readonly kind: 'weft-place'
  readonly root: FileSystemDirectoryHandle
  readonly port: MessagePort
}

const OWN: WeightsPlace = {
  root: () => navigator.storage.getDirectory(),
  database: () => openWeightsDatabase(),
  estimate: () => navigator.storage.estimate(),
}

let place = OWN

export function weightsPlace(): WeightsPlace {
  return place
}

/** Of a worker, at its start. */
export function hearPlace(): void {
  addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (isPlaceWord(data)) place = placeOf(data)
  })
}

/** Whoever can speak to a worker is the page that has made it. */
function isPlaceWord(data: unknown): data is PlaceWord {
  return typeof data === 'object' && data !== null && 'kind' in data && data.kind === 'weft-place'
}

function placeOf({ root, port }: PlaceWord): WeightsPlace {
  const page = Comlink.wrap<PlaceApi>(port)
  return {
    root: async () => root,
    database: async () => remoteDatabase(page),
    estimate: () => page.estimate(),
  }
}

function remoteDatabase(page: Pick<Comlink.Remote<PlaceApi>, 'ask'>): WeightsDatabase {
  async function answered(name: keyof DatabaseCalls, fields: readonly unknown[]): Promise<unknown> {
    const answer = await page.ask(name, fields)
    if (!answer.ok) throw new DOMException(answer.message, answer.name)
    return answer.value
  }
  const call =
    <K extends keyof DatabaseCalls>(name: K) =>
    (...fields: Parameters<DatabaseCalls[K]>) =>
      answered(name, fields) as ReturnType<DatabaseCalls[K]>
  return {
    manifest: call('manifest'),
    keepManifest: call('keepManifest'),
    ids: call('ids'),
    chunksOf: call('chunksOf'),
    hashesOf: call('hashesOf'),
    keepChunk: call('keepChunk'),
    forgetChunk: call('forgetChunk'),
    forgetModel: call('forgetModel'),
    home: call('home'),
    isHome: call('isHome'),
    rename: call('rename'),
    close: () => {},
  }
}
