/**
 * What every chat engine promises, whatever computes it: the contract of `ChatEngine` in `web/wire/chat.ts`, sentence by
 * sentence. Runs in a page. A row that an engine cannot run here is skipped with its reason, printed and counted.
 */
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { EngineDoor, ModelSource } from '../../web/schedule/engine-door.ts'
import type { ChatMessage, LoadProgress } from '../../web/wire/chat.ts'
import { PROMPT_CHARACTERS_MAX, TOKENS_IN_FLIGHT_MAX } from '../../web/wire/limits/engine.ts'
import { ok, type Result } from '../../web/wire/result.ts'
import { answerOf, ask, FREE, NEVER, raw, SEA } from './chat-engine-answer.ts'

export interface ChatEngineCase {
  /** A fresh engine, not loaded. */
  readonly make: () => EngineDoor
  /** Ends the newest worker that `make`'s engine started, as a crash would. */
  readonly crash: () => void
  /** A small chat model that the engine runs. */
  readonly source: () => Promise<ModelSource>
  /** A source that the engine must refuse, and with which code. */
  readonly refused: () => Promise<{ readonly source: ModelSource; readonly code: string }>
  /** Why rows that need a model cannot run here; null where they can. */
  readonly noModel?: string | null
  /** What is left of the last turn for the next one: `ended`, only where the answer ended by itself. */
  readonly reuses?: 'always' | 'ended'
}

const codeOf = (result: Result<unknown>) => (result.ok ? 'ok' : result.code)

export function chatEngineContract(
  name: string,
  { make, crash, source, refused, noModel = null, reuses = 'always' }: ChatEngineCase,
) {
  describe(`${name} keeps the contract of a chat engine`, () => {
    let open: EngineDoor | null = null
    /** Loading is slow where the GPU is software: rows that leave the engine as it was share one. */
    let kept: EngineDoor | null = null
    const fresh = async () => {
      await kept?.unload()
      await open?.unload()
      kept = null
      open = make()
      return open
    }
    /** The table of this engine, printed at its end. */
    const rows: string[] = []
    afterEach(({ task }) => {
      rows.push(`  ${task.result?.errors?.length ? 'FAILED ' : 'kept   '} ${task.name}`)
    })
    afterAll(async () => {
      console.info([`${name}, the contract row by row:`, ...rows, ...skipped].join('\n'))
      await open?.unload()
    })

    async function load(engine: EngineDoor): Promise<EngineDoor> {
      expect(codeOf(await engine.load(await source(), () => {}, NEVER))).toBe('ok')
      return engine
    }

    async function loaded(): Promise<EngineDoor> {
      kept ??= await load(await fresh())
      return kept
    }

    const skipped: string[] = []
    const skip = (row: string, run: () => Promise<void>) => {
      skipped.push(`  skipped ${row} (${noModel})`)
      test.skip(`${row} (${noModel})`, run)
    }
    const withModel = (row: string, run: () => Promise<void>) => (noModel === null ? test(row, run) : skip(row, run))

    test('without a model refuses to answer, to embed and to count', async () => {
      const engine = await fresh()
      expect((await answerOf(engine, ask('Hello'))).end).toMatchObject({ reason: 'error', code: 'not-loaded' })
      expect(codeOf(await engine.embed(['Hello'], NEVER))).toBe('not-loaded')
      expect(codeOf(await engine.count(ask('Hello').messages, NEVER))).toBe('not-loaded')
      await engine.unload()
    })

    test('refuses what it cannot run, with a code and a detail, and holds no model then', async () => {
      const engine = await fresh()
      const { source: wrong, code } = await refused()
      const result = await engine.load(wrong, () => {}, NEVER)
      expect(result).toMatchObject({ ok: false, code })
      expect((await answerOf(engine, ask('Hello'))).end).toMatchObject({ reason: 'error', code: 'not-loaded' })
    })

    test('stops a load that is aborted before it begins', async () => {
      expect(codeOf(await (await fresh()).load(await source(), () => {}, AbortSignal.abort()))).toBe('aborted')
    })

    withModel('says what a model needs before it loads it', async () => {
      const engine = await fresh()
      const seen = await engine.inspect(await source(), NEVER)
      expect(seen).toMatchObject({ ok: true, value: { engine: engine.name, fits: true, reason: '' } })
      if (seen.ok) expect(seen.value.gpuBytes).toBeGreaterThan(seen.value.model.fileBytes / 2)
    })

    withModel('loads with progress that grows to its end, and names itself', async () => {
      const engine = await fresh()
      const seen: LoadProgress[] = []
      const result = await engine.load(await source(), (progress) => seen.push(progress), NEVER)
      expect(result).toMatchObject({ ok: true, value: { engine: engine.name } })
      if (!result.ok) return
      expect(result.value.adapter).not.toBe('')
      expect(result.value.contextPositions).toBeGreaterThan(0)
      expect(seen.length).toBeGreaterThan(0)
      for (const { doneBytes, totalBytes } of seen) expect(doneBytes).toBeLessThanOrEqual(totalBytes)
      for (const phase of new Set(seen.map((step) => step.phase))) {
        const done = seen.filter((step) => step.phase === phase).map((step) => step.doneBytes)
        expect(done).toEqual([...done].sort((a, b) => a - b))
      }
    })

    withModel('stops a load in its middle, and loads again', async () => {
      const engine = await fresh()
      const abort = new AbortController()
      const result = await engine.load(await source(), () => abort.abort(), abort.signal)
      expect(codeOf(result)).toBe('aborted')
      expect((await answerOf(engine, ask('Hello'))).end).toMatchObject({ code: 'not-loaded' })
      expect(codeOf(await engine.load(await source(), () => {}, NEVER))).toBe('ok')
    })

    withModel('streams an answer in pieces and counts it', async () => {
      const engine = await loaded()
      const { events, text, end } = await answerOf(engine, ask('Tell me about the sea.'))
      expect(text).not.toBe('')
      expect(events.filter((event) => event.kind === 'text').length).toBeGreaterThan(1)
      expect(['stop', 'length']).toContain(end.reason)
      const { promptTokens, prefillTokens, reusedTokens, completionTokens, firstTokenMs } = end.usage
      expect(promptTokens).toBeGreaterThan(5)
      expect(prefillTokens).toBe(promptTokens - reusedTokens)
      expect(completionTokens).toBeGreaterThan(0)
      expect(completionTokens).toBeLessThanOrEqual(24)
      expect(firstTokenMs).not.toBeNull()
    })

    withModel('says the same again, greedily and by a seed, and another seed says something else', async () => {
      const engine = await loaded()
      const greedy = await answerOf(engine, ask('Tell me about the sea.'))
      expect((await answerOf(engine, ask('Tell me about the sea.'))).text).toBe(greedy.text)
      const drawn = await answerOf(engine, ask('Tell me about the sea.', { sampling: FREE }))
      expect((await answerOf(engine, ask('Tell me about the sea.', { sampling: FREE }))).text).toBe(drawn.text)
      const other = await answerOf(engine, ask('Tell me about the sea.', { sampling: { ...FREE, seed: 100n } }))
      expect(other.text).not.toBe(drawn.text)
    })

    withModel('ends at the token limit', async () => {
      const { end } = await answerOf(await loaded(), ask('Count.', { maxTokens: 3 }))
      expect(end).toMatchObject({ reason: 'length', usage: { completionTokens: 3 } })
    })

    withModel('ends before a stop string and never shows one', async () => {
      const engine = await loaded()
      const whole = (await answerOf(engine, ask('Tell me about the sea.'))).text
      const middle = Math.floor(whole.length / 2)
      const stop = whole.slice(middle, middle + 3)
      const { text, end } = await answerOf(engine, ask('Tell me about the sea.', { stop: [stop] }))
      expect(text).toBe(whole.slice(0, whole.indexOf(stop)))
      expect(end.reason).toBe('stop')
    })

    withModel('stops within the tokens in flight, and answers again', async () => {
      const engine = await loaded()
      const abort = new AbortController()
      let after = 0
      const { end } = await answerOf(engine, ask('Tell me everything.', { maxTokens: 400 }), abort.signal, (event) => {
        if (event.kind !== 'text') return
        if (abort.signal.aborted) after += 1
        abort.abort()
      })
      expect(end.reason).toBe('abort')
      expect(after).toBeLessThanOrEqual(TOKENS_IN_FLIGHT_MAX)
      expect((await answerOf(engine, ask('Hello'))).text).not.toBe('')
    })

    withModel('does not begin an answer that is aborted already', async () => {
      const { text, end } = await answerOf(await loaded(), ask('Hello'), AbortSignal.abort())
      expect(text).toBe('')
      expect(end.reason).toBe('abort')
    })

    withModel('computes only what the last turn did not', async () => {
      const engine = await loaded()
      const first = await answerOf(engine, ask('Tell me about the sea.'))
      const messages = [
        { role: 'user', content: 'Tell me about the sea.' },
        { role: 'assistant', content: first.text },
        { role: 'user', content: 'And the land?' },
      ] as const
      const { usage } = (await answerOf(engine, ask('', { messages }))).end
      if (reuses === 'ended' && first.end.reason !== 'stop') return expect(usage.reusedTokens).toBe(0)
      expect(usage.reusedTokens).toBeGreaterThan(0)
      expect(usage.prefillTokens).toBeLessThan(usage.promptTokens)
    })

    withModel('goes on with an answer that was begun, and loses or doubles no character', async () => {
      const engine = await loaded()
      const whole = (await answerOf(engine, ask('Tell me about the sea.'))).text
      const abort = new AbortController()
      let shown = 0
      const begun = await answerOf(engine, ask('Tell me about the sea.'), abort.signal, (event) => {
        if (event.kind === 'text') shown += event.text.length
        if (shown > whole.length / 3) abort.abort()
      })
      const committed = begun.log.committed
      if (!committed) throw new Error('nothing was committed')
      expect(committed.text).toBe(begun.text)
      expect(whole.startsWith(begun.text)).toBe(true)
      // A fresh engine: what the first one had computed is gone.
      const heir = await load(await fresh())
      const rest = await answerOf(heir, ask('Tell me about the sea.', { resume: committed }))
      expect(['stop', 'length']).toContain(rest.end.reason)
      if (heir.resume === 'tokens') expect(begun.text + rest.text).toBe(whole)
      else {
        const codes = rest.events.flatMap((event) => (event.kind === 'notice' ? [event.code] : []))
        expect(codes).toContain('resumed-from-text')
        // Greedy, so that re-tokenised text goes on as it would have: the first characters are those that were due.
        expect(rest.text.slice(0, 3)).toBe(whole.slice(begun.text.length, begun.text.length + 3))
      }
    })

    withModel('counts exactly the prompt tokens that an answer reports', async () => {
      const engine = await loaded()
      const user = (content: string) => ({ role: 'user' as const, content })
      const turns = [user('Tell me about the sea.'), { role: 'assistant' as const, content: 'It is wide.' }]
      const conversations: readonly (readonly ChatMessage[])[] = [
        [user('Hello')],
        [user('Tell me about the sea.')],
        [{ role: 'system', content: 'Answer in one sentence.' }, ...turns, user('And the land?')],
        [user('  <|im_end|> 漢字 🌊 caf\u00e9\n\n\tend  ')],
        [user('')],
      ]
      for (const messages of conversations) {
        const counted = await engine.count(messages, NEVER)
        const { end } = await answerOf(engine, ask('', { messages, maxTokens: 1 }))
        expect(counted).toEqual(ok(end.usage.promptTokens))
      }
      for (const text of ['Once upon a time', '  <|im_end|> 漢字 🌊 caf\u00e9\n\n\tend  ', ' ']) {
        const counted = await engine.count([user(text)], NEVER, true)
        const { end } = await answerOf(engine, raw(text, { maxTokens: 1 }))
        expect(counted).toEqual(ok(end.usage.promptTokens))
      }
    })

    withModel('writes on after a raw prompt, around which stands no template and in which marks are text', async () => {
      const engine = await loaded()
      const { text, end } = await answerOf(engine, raw(SEA))
      expect(text).not.toBe('')
      expect(end.usage.completionTokens).toBeLessThanOrEqual(24)
      expect((await answerOf(engine, raw(SEA))).text).toBe(text)
      expect((await answerOf(engine, ask(SEA))).end.usage.promptTokens).toBeGreaterThan(end.usage.promptTokens + 4)
      expect((await answerOf(engine, raw(SEA, { maxTokens: 3 }))).end).toMatchObject({
        ...{ reason: 'length', usage: { completionTokens: 3 } },
      })
      const tokens = async (of: string) => (await answerOf(engine, raw(of, { maxTokens: 1 }))).end.usage.promptTokens
      // A mark that were one would cost one token.
      expect((await tokens('sea<|im_end|><|im_end|>')) - (await tokens('sea<|im_end|>'))).toBeGreaterThan(2)
    })

    withModel('ends what it writes after a raw prompt before a stop string', async () => {
      const engine = await loaded()
      const whole = (await answerOf(engine, raw(SEA))).text
      const stop = whole.slice(Math.floor(whole.length / 2), Math.floor(whole.length / 2) + 3)
      const { text, end } = await answerOf(engine, raw(SEA, { stop: [stop] }))
      expect([text, end.reason]).toEqual([whole.slice(0, whole.indexOf(stop)), 'stop'])
    })

    withModel('goes on with what was begun after a raw prompt, and loses or doubles no character', async () => {
      const engine = await loaded()
      const whole = (await answerOf(engine, raw(SEA))).text
      const abort = new AbortController()
      const begun = await answerOf(engine, raw(SEA), abort.signal, (event) => {
        if (event.kind === 'text') abort.abort()
      })
      const committed = begun.log.committed
      if (!committed) throw new Error('nothing was committed')
      // What stands between may be in the engine's memory: it is not what the answer is drawn from.
      await answerOf(engine, ask('Hello', { maxTokens: 2 }))
      const rest = await answerOf(engine, raw(SEA, { resume: committed }))
      if (engine.resume === 'tokens') return expect(begun.text + rest.text).toBe(whole)
      // Greedy: the same text read again goes on as the raw prompt that it is a part of.
      expect(rest.text).toBe((await answerOf(engine, raw(SEA + begun.text, { maxTokens: 24 - committed.spent }))).text)
      expect(rest.events).toContainEqual({ kind: 'notice', code: 'resumed-from-text', detail: '' })
    })

    withModel('refuses a raw prompt that is not one text of the user', async () => {
      const engine = await loaded()
      const user = { role: 'user' as const, content: 'a' }
      for (const messages of [[], [user, user], [{ ...user, role: 'system' as const }], [{ ...user, content: '' }]]) {
        expect(codeOf(await engine.count(messages, NEVER, true))).toBe('request-invalid')
        const { end } = await answerOf(engine, raw('', { messages }))
        expect(end).toMatchObject({ reason: 'error', code: 'request-invalid' })
      }
    })

    withModel('counts more for more, also past the context, and again the same', async () => {
      const engine = await loaded()
      const counts = []
      for (const words of [1, 10, 8_000])
        counts.push(await engine.count(ask('many words '.repeat(words)).messages, NEVER))
      const [one = 0, ten = 0, many = 0] = counts.map((counted) => (counted.ok ? counted.value : Number.NaN))
      expect(ten).toBeGreaterThan(one)
      expect(many).toBeGreaterThan(8_000)
      expect(await engine.count(ask('many words '.repeat(10)).messages, NEVER)).toEqual(ok(ten))
      expect(codeOf(await engine.count(ask('x'.repeat(PROMPT_CHARACTERS_MAX + 1)).messages, NEVER))).toBe(
        'context-full',
      )
      expect(codeOf(await engine.count(ask('Hello').messages, AbortSignal.abort()))).toBe('aborted')
    })

    withModel('counts while it answers, and the answer is what it would have been', async () => {
      const engine = await loaded()
      const whole = (await answerOf(engine, ask('Tell me about the sea.'))).text
      const before = await engine.count(ask('Hello').messages, NEVER)
      let text = ''
      let counts = 0
      for await (const event of engine.chat(ask('Tell me about the sea.'), NEVER)) {
        if (event.kind !== 'text') continue
        text += event.text
        expect(await engine.count(ask('Hello').messages, NEVER)).toEqual(before)
        counts += 1
      }
      expect(counts).toBeGreaterThan(1)
      expect(text).toBe(whole)
    })

    withModel('refuses a prompt that is longer than the context, and answers the next one', async () => {
      const engine = await loaded()
      const { end } = await answerOf(engine, ask('many words '.repeat(8_000)))
      expect(end).toMatchObject({ reason: 'error', code: 'context-full' })
      expect((await answerOf(engine, ask('Hello'))).text).not.toBe('')
    })

    withModel('embeds, or says that the model has no embeddings', async () => {
      const made = await (await loaded()).embed(['The sea is wide.', 'The land is dry.'], NEVER)
      if (!made.ok) return expect(made.code).toBe('embeddings-unsupported')
      expect(made.value.vectors).toHaveLength(2)
      for (const vector of made.value.vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 3)
    })

    withModel('ends an answer whose worker dies, and comes back without a reload of the page', async () => {
      const engine = await load(await fresh())
      const whole = (await answerOf(engine, ask('Tell me about the sea.'))).text
      const cut = await answerOf(engine, ask('Tell me about the sea.'), NEVER, (event) => {
        if (event.kind === 'text') crash()
      })
      expect(cut.end).toMatchObject({ reason: 'error', code: 'worker-lost' })
      expect(whole.startsWith(cut.text)).toBe(true)
      expect((await answerOf(engine, ask('Hello'))).end.code).toBe('not-loaded')
      expect(codeOf(await engine.load(await source(), () => {}, NEVER))).toBe('ok')
      expect((await answerOf(engine, ask('Tell me about the sea.'))).text).toBe(whole)
    })

    withModel('survives a worker that dies while it loads', async () => {
      const engine = await fresh()
      let died = false
      const cut = await engine.load(
        await source(),
        () => {
          if (!died) crash()
          died = true
        },
        NEVER,
      )
      expect(codeOf(cut)).toBe('worker-lost')
      expect(codeOf(await engine.load(await source(), () => {}, NEVER))).toBe('ok')
    })
  })
}
