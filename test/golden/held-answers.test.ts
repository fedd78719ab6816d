/**
 * Answers that a schema holds, over a real CPU stage and the model's own vocabulary: each is JSON of the schema, whatever
 * the weights want to say; a device lost at any frame and an answer taken over anywhere change no token.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { planStage } from '../../web/engine/plan.ts'
import { StageCpu } from '../../web/engine/stage-cpu.ts'
import { readJsonSchema } from '../../web/rules/json-schema.ts'
import { readAnswer } from '../../web/rules/schema-check.ts'
import type { Hop } from '../../web/schedule/hop.ts'
import { Session, type SessionEvent } from '../../web/schedule/session.ts'
import type { TokenCodec } from '../../web/tokens/codec.ts'
import { createCodec } from '../../web/tokens/create-codec.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import type { ScheduledFrame } from '../../web/wire/frame-schedule.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { must } from '../support/directory-of.ts'
import { FaultyHop } from '../support/faulty-hop.ts'
import { heldHop } from '../support/held-hop.ts'
import { MemorySource } from '../support/memory-source.ts'
import { TREE } from '../support/schemas.ts'
import { GREEDY, SEEDED } from '../support/tiny-stage.ts'

const POSITIONS = 200
const NEVER = new AbortController().signal
const LABEL = {
  type: 'object',
  properties: { label: { enum: ['spam', 'not spam'] }, score: { type: 'number' }, why: { type: 'string' } },
  required: ['label', 'score'],
  additionalProperties: false,
}
const SCHEMAS = [LABEL, TREE, { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 4 }]

let stage: StageCpu
let codec: TokenCodec
let prompt: readonly number[]

beforeAll(async () => {
  const source = new MemorySource(tinyModel({ architecture: 'llama', types: 'Q4_0', seed: 3, layers: 2 }))
  const directory = must(await readDirectory(source))
  stage = must(await StageCpu.load(must(planStage(directory)), source))
  codec = must(createCodec(directory.metadata))
  prompt = must(codec.encodeChat([{ role: 'user', content: 'Is this spam?' }]))
})

interface Held {
  readonly schema: object
  readonly maxTokens?: number
  readonly sampler?: typeof SEEDED
  readonly begun?: { readonly tokens: readonly number[]; readonly schedule: readonly ScheduledFrame[] }
}

let sessions = 0

async function answer(hop: Hop, { schema, maxTokens = 60, sampler = SEEDED, begun }: Held) {
  sessions += 1
  const session = new Session(sessions, [hop], POSITIONS)
  const { vocabulary } = codec
  const events: SessionEvent[] = []
  const heldTo = { schema: JSON.stringify(schema), text: '' }
  const endTokens = new Set(vocabulary.endTokens)
  const request = { prompt, sampler, maxTokens, endTokens, heldTo, ...(begun ? { begun } : {}) }
  for await (const event of session.generate(request, NEVER)) events.push(event)
  await session.close()
  const ids = [...(begun?.tokens ?? []), ...events.flatMap((event) => (event.kind === 'token' ? [event.id] : []))]
  const bytes = ids.flatMap((id) => [...vocabulary.bytes.subarray(vocabulary.offsets[id], vocabulary.offsets[id + 1])])
  const schedule = events.flatMap((event) => (event.kind === 'schedule' ? event.frames : []))
  return { ids, schedule, text: new TextDecoder().decode(Uint8Array.from(bytes)), end: events.at(-1), events }
}

const held = () => heldHop(stage, codec.vocabulary)

describe('an answer that a schema holds', () => {
  it.each([...SCHEMAS])('is JSON of %j with every seed, and ends by itself', async (schema) => {
    const document = must(readJsonSchema(JSON.stringify(schema)))
    const texts = new Set<string>()
    for (let seed = 1n; seed <= 6n; seed += 1n) {
      const { text, end } = await answer(held(), { schema, sampler: { ...SEEDED, seed } })
      expect(readAnswer(text, document), text).toMatchObject({ ok: true })
      expect(end).toEqual({ kind: 'end', reason: 'stop' })
      texts.add(text)
    }
    expect(texts.size).toBeGreaterThan(1)
    const { text } = await answer(held(), { schema, sampler: GREEDY })
    expect(readAnswer(text, document), text).toMatchObject({ ok: true })
  })

  it('would be none without it', async () => {
    const document = must(readJsonSchema(JSON.stringify(LABEL)))
    const { text } = await answer(stage, { schema: LABEL })
    expect(readAnswer(text, document)).toMatchObject({ code: 'schema-unmet' })
  })

  it('is the same after a device was lost before any frame', async () => {
    const whole = await answer(held(), { schema: LABEL, maxTokens: 40 })
    for (let lostAt = 0; lostAt < whole.ids.length; lostAt += 3) {
      const faulty = Object.assign(new FaultyHop(stage, [lostAt]), { facts: stage.facts })
      const again = await answer(heldHop(faulty, codec.vocabulary), { schema: LABEL, maxTokens: 40 })
      expect(again.ids, `lost before frame ${lostAt}`).toEqual(whole.ids)
      expect(again.events.filter((event) => event.kind === 'notice')).toHaveLength(1)
    }
  })

  it('goes on elsewhere with the same tokens, wherever it was cut', async () => {
    const { ids, schedule } = await answer(held(), { schema: LABEL, maxTokens: 40 })
    for (let cut = 1; cut < ids.length; cut += 4) {
      const begun = { tokens: ids.slice(0, cut), schedule }
      const rest = await answer(held(), { schema: LABEL, maxTokens: 40, begun })
      expect(rest.ids, `cut after ${cut}`).toEqual(ids)
    }
  })

  it('is refused where the schema is, where it cannot end in time, and where what was begun does not fit', async () => {
    const refused = async (more: Held) => (await answer(held(), more)).end
    expect(await refused({ schema: { type: 'string', pattern: 'a' } })).toMatchObject({
      failure: { code: 'schema-invalid', detail: '#/pattern is outside what is supported.' },
    })
    expect(await refused({ schema: LABEL, maxTokens: 10 })).toMatchObject({ failure: { code: 'schema-unmet' } })
    const { schedule } = await answer(held(), { schema: LABEL })
    const begun = { tokens: codec.encode('no JSON'), schedule }
    expect(await refused({ schema: LABEL, begun })).toMatchObject({ failure: { code: 'schema-unmet' } })
  })
})
