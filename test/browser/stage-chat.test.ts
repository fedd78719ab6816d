/** The contract of a chat engine, kept by the stage engine on software WebGPU, in its real worker. */
import { StageChat } from '../../web/schedule/stage-chat.ts'
import { ggufEngineContract } from '../contract/gguf-engine.suite.ts'

ggufEngineContract(
  'the stage engine',
  () => new Worker(new URL('../../web/engine/worker.ts', import.meta.url), { type: 'module' }),
  (parts) => new StageChat(parts),
)
