/**
 * Draws many tokens with `sample.wgsl`: thousands of dispatches in one submit, each on fresh logits at its own position.
 * The product runs it with 256 lanes; fewer are as right and, where barriers are costly, much faster.
 */
import { Buffers } from '../../web/engine/gpu/buffers.ts'
import { samplerFields } from '../../web/engine/gpu/steps.ts'
import { KERNELS, packFields } from '../../web/engine/kernels/table.ts'
import { noiseTable } from '../../web/rules/noise.ts'
import type { KernelRunner } from './kernel-runner.ts'
import type { SamplerCase } from './sampler-cases.ts'

const BATCH = 2_000
const FRAME_BYTES = 16

/**
 * The draws at positions `first` to `first + count`. The window of each is that of the case: the token buffer is bound
 * at an offset that puts it right before the position, so position 0 of the buffer is `first` of the noise.
 */
export async function drawTokens(
  runner: KernelRunner,
  item: SamplerCase,
  logits: Float32Array<ArrayBuffer>,
  count: number,
  lanes: number,
): Promise<Uint32Array> {
  const { device } = runner
  const program = await runner.programsOf({ reduction: 'workgroup', half: false }).get({
    name: 'sample',
    overrides: { WORKGROUP: lanes, REPETITION_WINDOW: item.window.length },
  })
  const buffers = new Buffers(device)
  const held = (draw: number) => item.window.length + draw
  const tokens = buffers.storage('tokens', (held(count) + 1) * 4)
  const window = Uint32Array.from(item.window)
  const windowBuffer = buffers.storageOf('window', window.length > 0 ? window : new Uint32Array(4))
  const base = buffers.storageOf('base logits', logits)
  const working = buffers.storage('logits', logits.byteLength)
  const frame = buffers.uniform('frame', FRAME_BYTES)
  const frames = buffers.storage('frames', BATCH * FRAME_BYTES)
  const results = buffers.storage('results', BATCH * 4)
  const bound = [
    frame,
    buffers.uniformOf('params', packFields(KERNELS.sample.params, { vocabulary: item.vocabulary })),
    buffers.uniformOf('sampler', samplerFields(item.spec)),
    working,
    tokens,
    buffers.storageOf('noise', noiseTable()),
  ]
  const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }))
  const group = device.createBindGroup({ layout: program.layout, entries })
  const out = new Uint32Array(count)
  for (let from = 0; from < count; from += BATCH) {
    const batch = Math.min(BATCH, count - from)
    const words = new Uint32Array(batch * 4)
    for (let i = 0; i < batch; i += 1) words.set([held(from + i) - 1, 1], i * 4)
    device.queue.writeBuffer(frames, 0, words)
    const encoder = device.createCommandEncoder()
    for (let i = 0; i < batch; i += 1) {
      const position = held(from + i)
      encoder.copyBufferToBuffer(frames, i * FRAME_BYTES, frame, 0, FRAME_BYTES)
      encoder.copyBufferToBuffer(base, 0, working, 0, logits.byteLength)
      if (window.length > 0)
        encoder.copyBufferToBuffer(windowBuffer, 0, tokens, (position - window.length) * 4, window.byteLength)
      const pass = encoder.beginComputePass()
      pass.setPipeline(program.pipeline)
      pass.setBindGroup(0, group)
      pass.dispatchWorkgroups(1)
      pass.end()
      encoder.copyBufferToBuffer(tokens, position * 4, results, i * 4, 4)
    }
    const reader = buffers.reader(BATCH * 4)
    encoder.copyBufferToBuffer(results, 0, reader, 0, BATCH * 4)
    device.queue.submit([encoder.finish()])
    out.set(new Uint32Array(await buffers.read(reader, BATCH * 4, BATCH * 4)).subarray(0, batch), from)
  }
  buffers.freeAll()
  return out
}
