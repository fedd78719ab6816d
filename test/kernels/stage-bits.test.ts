/** Rows do not change bits, and a schedule run again gives the same: on the GPU, for every layout. */
import { KERNEL_SOURCES } from '../../web/engine/kernels/sources.ts'
import { stageBits } from '../contract/stage-bits.suite.ts'
import { loadGpu } from '../support/tiny-stage.ts'

stageBits('stage-gpu', (file, range) => loadGpu(KERNEL_SOURCES, file, range && { range }))
