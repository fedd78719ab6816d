/** The stage contract on the GPU. */
import { KERNEL_SOURCES } from '../../web/engine/kernels/sources.ts'
import { stageContract } from '../contract/stage.suite.ts'
import { loadGpu } from '../support/tiny-stage.ts'

stageContract('stage-gpu', (file, range) => loadGpu(KERNEL_SOURCES, file, range && { range }))
