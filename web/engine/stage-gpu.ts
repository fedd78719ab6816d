/**
 * The stage contract on WebGPU: what the product runs. One submit a frame and nothing waits: a frame's token stays on
 * the GPU for the next one and is read back behind it. Device loss is a state: the stage asks for a new device, loads
 * its weights again from the source (the local cache) and reports `device-lost`, so that sessions are replayed.
 */

import { BINDING_BYTES_MAX, DEVICE_RETRY_MS, DEVICE_TRIES_MAX, PREFILL_ROWS_MAX } from '../wire/limits/engine.ts'
import { assert, type Failure, FailureError, fail, ok, type Result } from '../wire/result.ts'
import { checkFrame, checkOpen, checkTruncate, newSession, rewindTo, type SessionState } from './frames.ts'
import { isLoss } from './gpu/device.ts'
import { makeResident, type Resident, type ResidentOptions } from './gpu/resident.ts'
import { encodeSteps, type SessionBuffers, type SessionSteps, samplerFields } from './gpu/steps.ts'
import { numericClassOf, type Tuning } from './gpu/variants.ts'
import { ropeTable } from './rope.ts'
import type { Frame, FrameOutput, OpenRequest, SamplerSpec, StageEngine, StageFacts, StageState } from './stage.ts'

export interface GpuStageOptions extends ResidentOptions {
  readonly onState?: (state: StageState) => void
}

interface Session extends SessionState {
  readonly buffers: SessionBuffers
  readonly steps: SessionSteps
}

/** Counters since load, for benches and for the proof that nothing waits. */
export interface GpuCounts {
  frames: number
  dispatches: number
  submits: number
  readbacks: number
}

const ENDED = 'What the session held went with the GPU device.'

export class StageGpu implements StageEngine {
  facts: StageFacts
  state: StageState = 'ready'
  readonly counts: GpuCounts = { frames: 0, dispatches: 0, submits: 0, readbacks: 0 }
  private readonly options: GpuStageOptions & { readonly tuning: Tuning }
  private resident: Resident
  private recovery: Promise<void> | null = null
  private failure: Failure | null = null
  private readonly sessions = new Map<number, Session>()
  /** Sessions whose KV went with a lost device, until they are opened again or closed. */
  private readonly ended = new Set<number>()

  private constructor(options: GpuStageOptions, resident: Resident) {
    // Measured once: a device that comes back runs the same variants, so that a replay gives the same bits.
    this.options = { ...options, tuning: resident.tuning }
    this.resident = resident
    this.facts = factsOf(options, resident)
    this.watch(resident)
  }

  /**
   * Refusals: those of `acquireDevice`, `gpu-too-small` (with the numbers), what reading weights refuses, `aborted`.
   * `source` must stay readable: recovery reads it again.
   */
  static async load(options: GpuStageOptions): Promise<Result<StageGpu>> {
    const resident = await makeResident(options)
    return resident.ok ? ok(new StageGpu(options, resident.value)) : resident
  }

  get tuning(): Tuning {
    return this.resident.tuning
  }

  get residentBytes(): number {
    return this.resident.buffers.bytes
  }

  /** Dispatches of one decoded token that belong to layers. */
  get dispatchesPerLayer(): number {
    const session = this.sessions.values().next().value
    assert(session, 'a session is open')
    return session.steps.decode.length / this.options.plan.layers.length
  }

  async open(request: OpenRequest): Promise<Result<null>> {
    const lost = await this.notReady()
    if (lost) return lost
    const refusal = checkOpen(request, this.sessions, this.facts)
    if (refusal) return refusal
    const { plan } = this.options
    const { buffers, gpu, builder, ropeFactors } = this.resident
    const perLayer = request.positions * plan.shape.kvHeads * plan.shape.headDim * 2
    if (perLayer > BINDING_BYTES_MAX)
      return fail(
        'kv-full',
        `${request.positions} positions need ${perLayer} bytes a layer; a binding holds ${BINDING_BYTES_MAX}.`,
      )
    gpu.device.pushErrorScope('out-of-memory')
    const cache = (name: string) =>
      plan.layers.map((_, index) =>
        buffers.storage(`session ${request.session} ${name} ${index} [${request.positions}]`, perLayer),
      )
    const made: SessionBuffers = {
      tokens: buffers.storage('tokens', (request.positions + 1) * 4),
      rope: buffers.storageOf('rope', ropeTable(plan.shape, ropeFactors, 0, request.positions)),
      keys: cache('keys'),
      values: cache('values'),
      sampler: buffers.uniformOf('sampler', samplerFields(request.sampler)),
    }
    let steps: SessionSteps
    try {
      const outOfMemory = await gpu.device.popErrorScope()
      if (outOfMemory) {
        buffers.free(allOf(made))
        return fail('kv-full', outOfMemory.message)
      }
      steps = await builder.build(made)
    } catch (error) {
      return this.lostOver(error, gpu.device)
    }
    if (this.resident.gpu !== gpu) return fail('device-lost', ENDED)
    // Checked again: another `open` may have run while the device answered.
    const late = checkOpen(request, this.sessions, this.facts)
    if (late) {
      buffers.free(allOf(made))
      return late
    }
    this.ended.delete(request.session)
    this.sessions.set(request.session, { ...newSession(request), buffers: made, steps })
    return ok(null)
  }

  /** A call failed in a way that a lost device explains; what nothing explains is a bug and thrown on. */
  private async lostOver(error: unknown, device: GPUDevice): Promise<Failure> {
    if (isLoss(error)) await device.lost
    const lost = await this.notReady()
    if (lost) return lost
    if (this.resident.gpu.device !== device) return fail('device-lost', ENDED)
    if (error instanceof FailureError) return error.failure
    throw error
  }

  run(frame: Frame): Promise<Result<FrameOutput>> {
    if (this.state !== 'ready' || this.failure)
      return this.notReady().then((lost) => lost ?? fail('device-lost', 'The frame came while the GPU was away.'))
    if (this.ended.has(frame.session)) return Promise.resolve(fail('device-lost', ENDED))
    const session = this.sessions.get(frame.session)
    const refusal = checkFrame(frame, session, this.facts)
    if (refusal) return Promise.resolve(refusal)
    assert(session, 'checkFrame has refused an unknown session')
    this.write(frame, session)
    return this.submit(frame, session)
  }

  private write(frame: Frame, session: Session): void {
    const { gpu, shared } = this.resident
    const { queue } = gpu.device
    queue.writeBuffer(shared.frame, 0, new Uint32Array([frame.position, frame.count, 0, 0]))
    const ids = frame.input.kind === 'tokens' ? frame.input.ids : frame.ids
    if (ids) queue.writeBuffer(session.buffers.tokens, frame.position * 4, ids.slice())
    if (frame.mask && shared.allowed) queue.writeBuffer(shared.allowed, 0, frame.mask.slice())
    if (frame.input.kind === 'hidden') queue.writeBuffer(shared.hidden, 0, frame.input.rows.slice())
  }

  /** Encodes and submits before it returns; only the readback is waited for. */
  private submit(frame: Frame, session: Session): Promise<Result<FrameOutput>> {
    const { gpu, shared, buffers } = this.resident
    const { plan } = this.options
    const layerSteps = frame.mode === 'decode' ? session.steps.decode : session.steps.prefill
    const { embed, head, mask, draw } = session.steps
    const sampleSteps = frame.sample ? [...head, ...(frame.mask ? mask : []), ...draw] : []
    const encoder = gpu.device.createCommandEncoder({ label: `frame ${frame.position}` })
    const pass = encoder.beginComputePass()
    for (const steps of [embed, layerSteps, sampleSteps]) {
      encodeSteps(pass, steps, frame.count)
      this.counts.dispatches += steps.length
    }
    pass.end()
    session.held += frame.count
    session.sampled = frame.sample
    const tail = plan.head !== null
    const bytes = tail ? 4 : frame.count * plan.shape.width * 4
    const poolBytes = tail ? 4 : PREFILL_ROWS_MAX * plan.shape.width * 4
    const reads = !tail || frame.sample
    const reader = reads ? buffers.reader(poolBytes) : null
    if (reader && tail) encoder.copyBufferToBuffer(session.buffers.tokens, session.held * 4, reader, 0, 4)
    else if (reader) encoder.copyBufferToBuffer(shared.hidden, 0, reader, 0, bytes)
    gpu.device.queue.submit([encoder.finish()])
    this.counts.frames += 1
    this.counts.submits += 1
    if (!reader) return this.finished()
    this.counts.readbacks += 1
    return this.read(reader, poolBytes, bytes, tail)
  }

  /** A frame that gives nothing back resolves when its work is done, so that a caller can pace itself. */
  private async finished(): Promise<Result<FrameOutput>> {
    const { device } = this.resident.gpu
    try {
      await device.queue.onSubmittedWorkDone()
    } catch {
      return (await this.notReady()) ?? fail('device-lost', ENDED)
    }
    // A lost device may report its work as done: whether the KV is there is known only here.
    if (this.resident.gpu.device !== device || this.state !== 'ready')
      return (await this.notReady()) ?? fail('device-lost', ENDED)
    return this.failure ?? ok({ kind: 'none' })
  }

  private async read(reader: GPUBuffer, poolBytes: number, bytes: number, tail: boolean): Promise<Result<FrameOutput>> {
    let data: ArrayBuffer
    try {
      data = await this.resident.buffers.read(reader, poolBytes, bytes)
    } catch {
      return (await this.notReady()) ?? fail('device-lost', 'The GPU was lost while it computed.')
    }
    if (this.failure) return this.failure
    if (!tail) return ok({ kind: 'hidden', rows: new Float32Array(data) })
    const id = new Uint32Array(data)[0] ?? 0
    if (id >= this.facts.vocabulary) return fail('gpu-error', 'The model gave no finite logit.')
    return ok({ kind: 'token', id })
  }

  /** Logits after the last sampled frame (scaled by the sampler): for tests and benches on the same machine only. */
  async readLogits(): Promise<Float32Array> {
    const { gpu, shared, buffers } = this.resident
    assert(shared.logits, 'only a tail has logits')
    const bytes = this.facts.vocabulary * 4
    const reader = buffers.reader(bytes)
    const encoder = gpu.device.createCommandEncoder()
    encoder.copyBufferToBuffer(shared.logits, 0, reader, 0, bytes)
    gpu.device.queue.submit([encoder.finish()])
    return new Float32Array(await buffers.read(reader, bytes, bytes))
  }

  async truncate(id: number, epoch: number, position: number, sampler?: SamplerSpec): Promise<Result<null>> {
    const lost = await this.notReady()
    if (lost) return lost
    const session = this.sessions.get(id)
    if (this.ended.has(id)) return fail('device-lost', ENDED)
    const refusal = checkTruncate(session, this.facts, epoch, position, sampler)
    if (refusal) return refusal
    if (!session) return ok(null)
    rewindTo(session, epoch, position, sampler)
    if (sampler) this.resident.gpu.device.queue.writeBuffer(session.buffers.sampler, 0, samplerFields(sampler))
    return ok(null)
  }

  async close(id: number): Promise<void> {
    const session = this.sessions.get(id)
    this.sessions.delete(id)
    this.ended.delete(id)
    if (session) this.resident.buffers.free(allOf(session.buffers))
  }

  async dispose(): Promise<void> {
    if (this.state === 'disposed') return
    this.become('disposed')
    this.sessions.clear()
    this.resident.buffers.freeAll()
    this.resident.gpu.device.destroy()
  }

  private become(state: StageState): void {
    this.state = state
    this.options.onState?.(state)
  }

  /** Null when frames may run. Waits while the device is being recovered. */
  private async notReady(): Promise<Failure | null> {
    if (this.recovery !== null) await this.recovery
    if (this.state === 'disposed') return fail('not-loaded', 'The stage was disposed.')
    if (this.state === 'degraded')
      return fail('device-degraded', `${DEVICE_TRIES_MAX} tries for a new GPU device failed.`)
    return this.failure
  }

  private watch(resident: Resident): void {
    const { device } = resident.gpu
    device.onuncapturederror = (event) => {
      this.failure ??= fail('gpu-error', event.error.message)
    }
    void device.lost.then((info) => {
      if (this.resident !== resident || this.state === 'disposed' || info.reason === 'destroyed') return
      for (const id of this.sessions.keys()) this.ended.add(id)
      this.sessions.clear()
      this.become('recovering')
      this.recovery = this.recover().finally(() => {
        this.recovery = null
      })
    })
  }

  /** The first loss recovers at once; later ones may leave the browser without an adapter for a while. */
  private async recover(): Promise<void> {
    this.resident.buffers.freeAll()
    for (let attempt = 0; attempt < DEVICE_TRIES_MAX; attempt += 1) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, DEVICE_RETRY_MS * 2 ** (attempt - 1)))
      if (this.state !== 'recovering') return
      const { signal: _done, ...options } = this.options
      const again = await makeResident(options)
      if (!again.ok) continue
      this.resident = again.value
      this.facts = factsOf(this.options, again.value)
      this.failure = null
      this.watch(again.value)
      this.become('ready')
      return
    }
    this.become('degraded')
  }
}

function allOf(session: SessionBuffers): GPUBuffer[] {
  return [session.tokens, session.rope, session.sampler, ...session.keys, ...session.values]
}

function factsOf({ plan }: GpuStageOptions, { gpu, tuning }: Resident): StageFacts {
  const { shape, range, weightBytes, workBytes, kvBytesPerPosition } = plan
  return {
    range,
    layers: shape.layers,
    width: shape.width,
    vocabulary: shape.vocabulary,
    contextLength: shape.contextLength,
    weightBytes,
    workBytes,
    kvBytesPerPosition,
    adapter: gpu.adapter,
    softwareAdapter: gpu.software,
    numericClass: numericClassOf(gpu.adapter, tuning),
  }
}
