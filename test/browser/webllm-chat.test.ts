/**
 * The contract of a chat engine, kept by WebLLM in its real worker. What needs a compiled library runs on the model of
 * `WEFT_MLC_MODEL`; see docs/WEBLLM.md for what ran on which. Everything before the library: test/e2e/webllm.test.ts.
 */
import { describe, expect, inject, test } from 'vitest'
import { browserGpu, probeGpu } from '../../web/engine/gpu/device.ts'
import type { ModelSource } from '../../web/schedule/engine-door.ts'
import { WebLlmChat } from '../../web/schedule/webllm-chat.ts'
import { chatEngineContract } from '../contract/chat-engine.suite.ts'
import { WorkerLog } from '../support/worker-log.ts'

const NEEDED = 'needs WEFT_MLC_MODEL, a folder with an MLC model and its compiled library'
const workers = new WorkerLog()
const given = inject('mlcModel')
const source: ModelSource = given
  ? { kind: 'mirror', id: given.id }
  : { kind: 'prebuilt', name: 'SmolLM2-135M-Instruct-q0f32-MLC' }

function make(): WebLlmChat {
  return new WebLlmChat({
    makeWorker: () =>
      workers.add(new Worker(new URL('../../web/webllm/worker.ts', import.meta.url), { type: 'module' })),
    baseUrl: given?.baseUrl ?? location.href,
    probe: () => probeGpu(browserGpu()),
    askPersistence: async () => false,
    now: () => performance.now(),
  })
}

chatEngineContract('WebLLM', {
  make,
  crash: () => workers.crash(),
  source: async () => source,
  refused: async () => ({ source: { kind: 'file', file: new File(['GGUF'], 'a.gguf') }, code: 'engine-mismatch' }),
  noModel: given?.kind === 'chat' ? null : NEEDED,
  reuses: 'ended',
})

describe('WebLLM with an embedding model', () => {
  const NEVER = new AbortController().signal
  const run = given?.kind === 'embedding' ? test : test.skip

  run(`embeds texts to vectors of length 1, says that it does not chat, and goes (${NEEDED})`, async () => {
    const engine = make()
    const loaded = await engine.load(source, () => {}, NEVER)
    expect(loaded).toMatchObject({ ok: true, value: { engine: 'webllm' } })
    const made = await engine.embed(['The sea is wide.', 'The land is dry.', 'The sea is wide.'], NEVER)
    if (!made.ok) throw new Error(made.detail)
    const [sea, land, again] = made.value.vectors.map((vector) => [...vector])
    for (const vector of made.value.vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 3)
    expect(again).toEqual(sea)
    expect(land).not.toEqual(sea)
    expect(made.value.promptTokens).toBeGreaterThan(10)
    const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n }
    const request = { messages: [{ role: 'user', content: 'Hello' }], sampling, maxTokens: 4, stop: [] } as const
    for await (const event of engine.chat(request, NEVER)) expect(event).toMatchObject({ code: 'engine-mismatch' })
    await engine.unload()
    expect(await engine.embed(['The sea is wide.'], NEVER)).toMatchObject({ code: 'not-loaded' })
  })
})
