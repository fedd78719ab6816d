/** The stage contract on the CPU oracle. */
import { loadCpu } from '../support/tiny-stage.ts'
import { stageContract } from './stage.suite.ts'
import { stageBits } from './stage-bits.suite.ts'

stageContract('stage-cpu', loadCpu)
stageBits('stage-cpu', loadCpu, ['llama-f32', 'llama-mixed', 'qwen2-f32', 'qwen3-f32'])
