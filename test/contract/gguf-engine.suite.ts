/** The contract of a chat engine, for the engines that answer from a GGUF file: a tiny one, read from disk. */
import type { EngineDoor } from '../../web/schedule/engine-door.ts'
import type { GgufParts } from '../../web/schedule/gguf-worker.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { WorkerLog } from '../support/worker-log.ts'
import { chatEngineContract } from './chat-engine.suite.ts'

export function ggufEngineContract(name: string, startWorker: () => Worker, make: (parts: GgufParts) => EngineDoor) {
  const workers = new WorkerLog()
  const gguf = tinyModel({ architecture: 'llama', types: 'Q4_0', seed: 11, contextLength: 512 })
  const parts: GgufParts = {
    makeWorker: () => workers.add(startWorker()),
    baseUrl: location.href,
    askPersistence: async () => false,
    now: () => performance.now(),
  }
  chatEngineContract(name, {
    make: () => make(parts),
    crash: () => workers.crash(),
    source: async () => ({ kind: 'file', file: new File([gguf], 'tiny.gguf') }),
    refused: async () => ({
      source: { kind: 'file', file: new File([new Uint8Array(4_096)], 'zeros.gguf') },
      code: 'gguf-not-gguf',
    }),
  })
}
