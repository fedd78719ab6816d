/** The contract of a chat engine, kept by llama.cpp on the CPU, in its real worker. This page is not isolated: one thread. */
import { CpuChat } from '../../web/schedule/cpu-chat.ts'
import { ggufEngineContract } from '../contract/gguf-engine.suite.ts'

ggufEngineContract(
  'the CPU engine',
  () => new Worker(new URL('../../web/cpu/worker.ts', import.meta.url), { type: 'module' }),
  (parts) => new CpuChat(parts),
)
