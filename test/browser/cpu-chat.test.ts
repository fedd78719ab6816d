/** The contract of a chat engine, kept by llama.cpp on the CPU, in its real worker. This page is not isolated: one thread. */
import { CpuChat } from '../../web/schedule/cpu-chat.ts'
import { chatEngineContract } from '../contract/chat-engine.suite.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { WorkerLog } from '../support/worker-log.ts'

const workers = new WorkerLog()
const gguf = tinyModel({ architecture: 'llama', types: 'Q4_0', seed: 11, contextLength: 512 })

chatEngineContract('the CPU engine', {
  make: () =>
    new CpuChat({
      makeWorker: () =>
        workers.add(new Worker(new URL('../../web/cpu/worker.ts', import.meta.url), { type: 'module' })),
      baseUrl: location.href,
      askPersistence: async () => false,
      now: () => performance.now(),
    }),
  crash: () => workers.crash(),
  source: async () => ({ kind: 'file', file: new File([gguf], 'tiny.gguf') }),
  refused: async () => ({
    source: { kind: 'file', file: new File([new Uint8Array(4_096)], 'zeros.gguf') },
    code: 'gguf-not-gguf',
  }),
})
