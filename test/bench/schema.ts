/**
 * `npm run bench:schema`: how many answers are JSON of the schema that was asked for, with the grammar and without, on the
 * same prompts, seeds and limits; and what a mask costs. The stage engine in plain Node. The prompt names the schema either
 * way, and fences are taken off what no grammar held, so that what is compared is the grammar alone.
 */
import { existsSync } from 'node:fs'
import { planStage } from '../../web/engine/plan.ts'
import { StageGpu } from '../../web/engine/stage-gpu.ts'
import { readJsonSchema } from '../../web/rules/json-schema.ts'
import { readAnswer } from '../../web/rules/schema-check.ts'
import { TokenMasks } from '../../web/rules/token-masks.ts'
import type { Hop } from '../../web/schedule/hop.ts'
import { Session } from '../../web/schedule/session.ts'
import { classifyPrompt, classifySchema, LABELS } from '../../web/sdk/classify.ts'
import { extractPrompt } from '../../web/sdk/extract.ts'
import { unfenced, withForm } from '../../web/sdk/held-answer.ts'
import type { Prompt } from '../../web/sdk/helper-call.ts'
import { repliesPrompt, repliesSchema } from '../../web/sdk/replies.ts'
import type { TokenCodec } from '../../web/tokens/codec.ts'
import { createCodec } from '../../web/tokens/create-codec.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import { kernelSources } from '../support/kernel-sources.ts'
import { SHARED_DATA } from '../support/prepare.ts'
import { must } from './decode-node.ts'
import { type FlagSpec, readFlags, runCommand, usage, wholeNumber } from './flags.ts'
import { benchModel, type ModelName } from './models.ts'
import { nodeGpu, underSoftwareDriver } from './node-gpu.ts'
import { median, provenance, round, table } from './report.ts'

const SPEC = {
  model: {
    type: 'string',
    of: ['tiny', 'smollm2'],
    words: 'default: tiny, and smollm2 where it is here already (many minutes on a software GPU)',
  },
  rounds: { type: 'string', words: 'seeds of each question, default 2' },
  tokens: { type: 'string', words: 'tokens of an answer at most, default 80' },
  gpu: { type: 'string', of: ['software', 'real'], words: 'default software' },
  json: { type: 'boolean', words: 'one JSON object instead of a table' },
} as const satisfies FlagSpec
const HELP = usage('bench:schema', 'The share of answers that fit their schema, with and without the grammar.', SPEC)
const POSITIONS = 512
/** As a helper asks, but with some chance in it, so that seeds differ. */
const SAMPLER = { temperature: 0.7, topK: 0, topP: 0.95, minP: 0, repetitionPenalty: 1 } as const

const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    age: { type: ['integer', 'null'] },
    languages: { type: 'array', items: { type: 'string' }, maxItems: 4 },
  },
  required: ['name', 'age', 'languages'],
  additionalProperties: false,
}

interface Question {
  readonly prompt: Prompt
  readonly schema: string
}

const labelled = (text: string, labels: Readonly<Record<string, string>>): Question => ({
  prompt: classifyPrompt(text, labels),
  schema: JSON.stringify(classifySchema(Object.keys(labels))),
})
const QUESTIONS: readonly Question[] = [
  labelled('You have won! Send us your card number today.', LABELS.spam),
  labelled('Lunch at noon? Anna is coming too.', LABELS.spam),
  labelled('The food was cold and nobody was sorry.', LABELS.sentiment),
  labelled('Best concert of my life.', LABELS.sentiment),
  { prompt: extractPrompt('Ada, 36, speaks English and French.'), schema: JSON.stringify(PERSON) },
  { prompt: extractPrompt('My neighbour Tom only knows Welsh.'), schema: JSON.stringify(PERSON) },
  { prompt: repliesPrompt('Can we meet on Friday?', { count: 2 }), schema: JSON.stringify(repliesSchema(2)) },
  { prompt: repliesPrompt('Thank you for the flowers!', { count: 2 }), schema: JSON.stringify(repliesSchema(2)) },
]

interface Outcome {
  readonly text: string
  readonly tokens: number
  readonly ms: number
}

async function answer(
  codec: TokenCodec,
  session: Session,
  { prompt, schema }: Question,
  held: boolean,
  seed: bigint,
  maxTokens: number,
): Promise<Outcome> {
  const said = [
    { role: 'system', content: prompt.system },
    { role: 'user', content: prompt.user },
  ] as const
  const { vocabulary } = codec
  const request = {
    prompt: must(codec.encodeChat(withForm(said, schema))),
    sampler: { ...SAMPLER, seed },
    maxTokens,
    endTokens: new Set(vocabulary.endTokens),
    ...(held ? { heldTo: { schema, text: '' } } : {}),
  }
  const ids: number[] = []
  let beganMs = 0
  for await (const event of session.generate(request, new AbortController().signal)) {
    if (event.kind === 'schedule') beganMs = performance.now()
    if (event.kind === 'token') ids.push(event.id)
    if (event.kind === 'end' && event.failure) throw new Error(`${event.failure.code}: ${event.failure.detail}`)
  }
  const bytes = ids.flatMap((id) => [...vocabulary.bytes.subarray(vocabulary.offsets[id], vocabulary.offsets[id + 1])])
  const ms = performance.now() - beganMs
  return { text: new TextDecoder().decode(Uint8Array.from(bytes)), tokens: ids.length, ms }
}

async function measure(name: ModelName, rounds: number, tokens: number) {
  const model = benchModel(name)
  const directory = must(await readDirectory(model.source))
  const codec = must(createCodec(directory.metadata))
  const plan = must(planStage(directory))
  const stage = must(await StageGpu.load({ gpu: nodeGpu().gpu, sources: kernelSources(), plan, source: model.source }))
  const masks = new TokenMasks(codec.vocabulary, stage.facts.vocabulary)
  const maskMs: number[] = []
  const hop: Hop = {
    open: (request) => stage.open(request),
    truncate: (...rest) => stage.truncate(...rest),
    close: (session) => stage.close(session),
    run(frame, constraint) {
      if (!constraint) return stage.run(frame)
      const began = performance.now()
      const mask = must(masks.mask(constraint))
      maskMs.push(performance.now() - began)
      return stage.run({ ...frame, mask })
    },
  }
  const session = new Session(1, [hop], Math.min(POSITIONS, stage.facts.contextLength))
  const valid = { with: 0, without: 0 }
  const speeds: Record<keyof typeof valid, number[]> = { with: [], without: [] }
  let asked = 0
  try {
    for (const question of QUESTIONS)
      for (let seed = 1; seed <= rounds; seed += 1) {
        const document = must(readJsonSchema(question.schema))
        asked += 1
        for (const way of ['with', 'without'] as const) {
          const { text, tokens: got, ms } = await answer(codec, session, question, way === 'with', BigInt(seed), tokens)
          if (readAnswer(way === 'with' ? text : unfenced(text), document).ok) valid[way] += 1
          if (got > 1) speeds[way].push((got * 1_000) / ms)
        }
      }
  } finally {
    await session.close()
    await stage.dispose()
    model.close()
  }
  maskMs.sort((a, b) => a - b)
  return {
    model: name,
    adapter: stage.facts.adapter,
    vocabulary: stage.facts.vocabulary,
    asked,
    validShareWith: round(valid.with / asked),
    validShareWithout: round(valid.without / asked),
    tokensPerSecondWith: round(median(speeds.with)),
    tokensPerSecondWithout: round(median(speeds.without)),
    maskMs: {
      p50: round(median(maskMs)),
      p99: round(maskMs[Math.floor(maskMs.length * 0.99)] ?? 0),
      masks: maskMs.length,
    },
  }
}

await runCommand(HELP, process.argv.slice(2), async () => {
  const flags = readFlags(process.argv.slice(2), SPEC)
  const rounds = wholeNumber(flags, 'rounds', 2, 50)
  const tokens = wholeNumber(flags, 'tokens', 80, 400)
  if (flags['gpu'] !== 'real') underSoftwareDriver()
  const here = existsSync(`${process.env['WEFT_DATA'] ?? SHARED_DATA}/models`)
  const names: readonly ModelName[] =
    flags['model'] === undefined
      ? here
        ? ['tiny', 'smollm2']
        : ['tiny']
      : [flags['model'] === 'tiny' ? 'tiny' : 'smollm2']
  const models = []
  for (const name of names) models.push(await measure(name, rounds, tokens))
  const result = { bench: 'schema', ...provenance(), rounds, tokens, models }
  if (flags['json'] === true) process.stdout.write(`${JSON.stringify(result)}\n`)
  else
    process.stdout.write(
      table([
        ['model', 'asked', 'with', 'without', 'tok/s with', 'without', 'mask p50 ms', 'p99'],
        ...models.map((one) => [
          one.model,
          ...[one.asked, one.validShareWith, one.validShareWithout, one.tokensPerSecondWith].map(String),
          ...[one.tokensPerSecondWithout, one.maskMs.p50, one.maskMs.p99].map(String),
        ]),
      ]),
    )
})
