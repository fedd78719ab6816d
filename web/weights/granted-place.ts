/**
 * The page's half of a storage that its frame was granted: opens the database, which no worker can, and hands the folder and a
 * port to each worker that reads models. Fetched only where something was granted.
 */
import * as Comlink from 'comlink'
import type { Answered, PlaceApi, PlaceWord } from './place.ts'
import { openWeightsDatabase, type WeightsDatabase } from './weights-database.ts'

/** All of one storage. */
export interface GrantedFiles {
  readonly databases: IDBFactory
  getDirectory(): Promise<FileSystemDirectoryHandle>
  estimate(): Promise<StorageEstimate>
}

/** Hands the place over to a worker that was just made. */
export type HandOver = (worker: Pick<Worker, 'postMessage'>) => void

/** Null where the browser refuses the database or the folder after all: then neither is used. */
export async function openGrantedPlace(files: GrantedFiles): Promise<HandOver | null> {
  try {
    const [root, database] = await Promise.all([files.getDirectory(), openWeightsDatabase(files.databases)])
    return (worker) => {
      const { port1, port2 } = new MessageChannel()
      Comlink.expose(apiOf(database, files), port1)
      const word: PlaceWord = { kind: 'weft-place', root, port: port2 }
      worker.postMessage(word, [port2])
    }
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    return null
  }
}

function apiOf(database: WeightsDatabase, files: GrantedFiles): PlaceApi {
  return {
    async ask(name, fields): Promise<Answered<unknown>> {
      try {
        const asked = database[name] as (...fields: readonly unknown[]) => Promise<unknown>
        return { ok: true, value: await asked(...fields) }
      } catch (error) {
        if (!(error instanceof DOMException)) throw error
        return { ok: false, name: error.name, message: error.message }
      }
    },
    estimate: () => files.estimate(),
  }
}
