/** What every stage promises, whatever computes it: the contract of `web/engine/stage.ts`, sentence by sentence. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Frame, SamplerSpec, StageEngine } from '../../web/engine/stage.ts'
import { DECODE_ROWS_MAX, PREFILL_ROWS_MAX, SESSIONS_MAX, TOKENS_IN_FLIGHT_MAX } from '../../web/wire/limits/engine.ts'
import type { Result } from '../../web/wire/result.ts'
import { fixture } from '../fixtures/fixtures.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { bitDifference } from '../support/compare.ts'
import { must } from '../support/directory-of.ts'
import { feed, GREEDY, generate, type LoadStage, rowsOf, SEEDED, tokenOf } from '../support/tiny-stage.ts'

const LLAMA = fixture('llama-f32')
const POSITIONS = 40
const COUNT = 6

const codeOf = (result: Result<unknown>) => (result.ok ? 'ok' : result.code)

/** One bit a token. */
function maskOf(ids: readonly number[], vocabulary: number): Uint32Array {
  const mask = new Uint32Array(Math.ceil(vocabulary / 32))
  for (const id of ids) mask[id >>> 5] = (mask[id >>> 5] ?? 0) | (1 << (id & 31))
  return mask
}

/** Frames of one session on a first stage, one method per kind. */
class Driver {
  position = 0
  epoch = 0
  readonly stage: StageEngine
  readonly session: number

  constructor(stage: StageEngine, session: number) {
    this.stage = stage
    this.session = session
  }

  open(sampler: SamplerSpec = GREEDY, positions = POSITIONS) {
    return this.stage.open({ session: this.session, epoch: this.epoch, positions, sampler })
  }

  frame(ids: readonly number[], more: Partial<Frame> = {}): Frame {
    const input = { kind: 'tokens', ids: Uint32Array.from(ids) } as const
    const { session, epoch, position } = this
    return {
      session,
      epoch,
      position,
      count: ids.length,
      mode: ids.length > 1 ? 'prefill' : 'decode',
      input,
      sample: true,
      ...more,
    }
  }

  chained(more: Partial<Frame> = {}): Frame {
    return this.frame([0], { input: { kind: 'chained' }, ...more })
  }

  /** Counts the rows at once, as a caller that does not wait must. */
  run(frame: Frame) {
    this.position += frame.count
    return this.stage.run(frame)
  }

  async token(frame: Frame): Promise<number> {
    return tokenOf(must(await this.run(frame)))
  }

  async tokens(prompt: readonly number[], count: number): Promise<number[]> {
    const out = [await this.token(this.frame(prompt))]
    while (out.length < count) out.push(await this.token(this.frame(out.slice(-1))))
    return out
  }
}

export function stageContract(name: string, load: LoadStage): void {
  describe(`stage contract: ${name}`, () => {
    let stage: StageEngine
    let expected: number[]
    let sessions = 100
    const drive = () => {
      sessions += 1
      return new Driver(stage, sessions)
    }

    beforeAll(async () => {
      stage = await load(LLAMA.build())
      expected = await generate([stage], LLAMA.prompt, COUNT)
    })
    afterAll(() => stage?.dispose())

    test('facts name the range, the sizes and the numeric class', () => {
      expect(stage.facts).toMatchObject({ range: { first: 0, last: 3 }, layers: 3, width: 64, contextLength: 512 })
      expect(stage.facts.weightBytes).toBeGreaterThan(0)
      expect(stage.facts.kvBytesPerPosition).toBe(3 * 2 * 32 * 2)
      expect(stage.facts.numericClass).not.toBe('')
      expect(stage.state).toBe('ready')
    })

    test('open refuses what exists, what is too long and what is malformed', async () => {
      const driver = drive()
      must(await driver.open())
      expect(codeOf(await driver.open())).toBe('session-exists')
      for (const positions of [0, 513, 2.5]) expect(codeOf(await drive().open(GREEDY, positions))).toBe('context-full')
      expect(codeOf(await drive().open({ ...GREEDY, topP: 0 }))).toBe('frame-invalid')
      expect(await driver.tokens(LLAMA.prompt, COUNT)).toEqual(expected)
      await stage.close(driver.session)
    })

    test('open refuses one session too many; closing one makes room', async () => {
      const many = Array.from({ length: SESSIONS_MAX }, drive)
      for (const driver of many) must(await driver.open(GREEDY, 8))
      const late = drive()
      expect(codeOf(await late.open(GREEDY, 8))).toBe('kv-full')
      await stage.close(many[0]?.session ?? 0)
      must(await late.open(GREEDY, 8))
      for (const driver of [...many, late]) await stage.close(driver.session)
    })

    test('a mask leaves only what it lets pass, and binds no later frame', async () => {
      const { vocabulary } = stage.facts
      for (const sampler of [GREEDY, SEEDED, { ...SEEDED, temperature: 100, repetitionPenalty: 10 }]) {
        const driver = drive()
        must(await driver.open(sampler))
        for (const allowed of [[7], [40, vocabulary - 1], [0, 31, 32, 63]]) {
          const again = { ...driver.frame(LLAMA.prompt), position: driver.position }
          const mask = maskOf(allowed, vocabulary)
          const drawn = await driver.token({ ...again, mask })
          expect(allowed).toContain(drawn)
          driver.epoch += 1
          driver.position = 0
          must(await stage.truncate(driver.session, driver.epoch, 0))
        }
        const all = maskOf(
          Array.from({ length: vocabulary }, (_, id) => id),
          vocabulary,
        )
        const free = await driver.token(driver.frame(LLAMA.prompt))
        driver.epoch += 1
        driver.position = 0
        must(await stage.truncate(driver.session, driver.epoch, 0))
        expect(await driver.token(driver.frame(LLAMA.prompt, { mask: all }))).toBe(free)
        await stage.close(driver.session)
      }
    })

    test('a refused frame changes nothing: each code, before every token', async () => {
      const driver = drive()
      must(await driver.open(GREEDY, LLAMA.prompt.length + COUNT - 1))
      const out: number[] = []
      let ids = LLAMA.prompt
      while (out.length < COUNT) {
        const good = driver.frame(ids)
        const room = LLAMA.prompt.length + COUNT - 1 - driver.position
        const refused: readonly (readonly [string, Frame])[] = [
          ['session-unknown', { ...good, session: 99 }],
          ['epoch-stale', { ...good, epoch: 1 }],
          ['frame-invalid', { ...good, count: good.count + 1 }],
          [
            'frame-invalid',
            { ...good, input: { kind: 'tokens', ids: new Uint32Array(good.count).fill(stage.facts.vocabulary) } },
          ],
          ['frame-invalid', { ...good, input: { kind: 'hidden', rows: new Float32Array(good.count * 64) } }],
          ['frame-invalid', driver.frame(new Array(DECODE_ROWS_MAX + 1).fill(5), { mode: 'decode' })],
          ['frame-invalid', driver.frame(new Array(PREFILL_ROWS_MAX + 1).fill(5))],
          ['position-mismatch', { ...good, position: good.position + 1 }],
          ['position-mismatch', { ...good, position: good.position === 0 ? 5 : good.position - 1 }],
          ['context-full', driver.frame(new Array(room + 1).fill(5))],
        ]
        for (const [code, frame] of refused) expect(codeOf(await stage.run(frame)), code).toBe(code)
        out.push(await driver.token(good))
        ids = out.slice(-1)
      }
      expect(out).toEqual(expected)
      expect(codeOf(await stage.run(driver.frame(ids)))).toBe('context-full')
      await stage.close(driver.session)
    })

    test('chained frames read what was sampled, and only that', async () => {
      const driver = drive()
      must(await driver.open())
      expect(codeOf(await stage.run(driver.chained()))).toBe('frame-invalid')
      const out = [await driver.token(driver.frame(LLAMA.prompt))]
      expect(codeOf(await stage.run(driver.chained({ count: 2 })))).toBe('frame-invalid')
      while (out.length < COUNT - 1) out.push(await driver.token(driver.chained()))
      // A frame that samples nothing leaves nothing to chain.
      expect(must(await driver.run(driver.chained({ sample: false })))).toEqual({ kind: 'none' })
      expect(codeOf(await stage.run(driver.chained()))).toBe('frame-invalid')
      // The chained token is in the KV all the same: the token after it is the expected one, by way of a rewind.
      must(await stage.truncate(driver.session, 0, driver.position - 1))
      driver.position -= 1
      expect(codeOf(await stage.run(driver.chained()))).toBe('frame-invalid')
      out.push(await driver.token(driver.frame(out.slice(-1))))
      expect(out).toEqual(expected)
      await stage.close(driver.session)
    })

    test('runs may be left unresolved, and come in call order', async () => {
      const driver = drive()
      must(await driver.open())
      const order: number[] = []
      const note = async (run: ReturnType<StageEngine['run']>, index: number) => {
        const token = tokenOf(must(await run))
        order.push(index)
        return token
      }
      const flight = [driver.run(driver.frame(LLAMA.prompt))]
      while (flight.length < TOKENS_IN_FLIGHT_MAX) flight.push(driver.run(driver.chained()))
      const noted = flight.map((run, index) => note(run, index))
      expect(await Promise.all(noted)).toEqual(expected.slice(0, TOKENS_IN_FLIGHT_MAX))
      expect(order).toEqual(Array.from({ length: TOKENS_IN_FLIGHT_MAX }, (_, index) => index))
      await stage.close(driver.session)
    })

    test('arrays passed in may be changed once run was called', async () => {
      const driver = drive()
      must(await driver.open())
      const ids = Uint32Array.from(LLAMA.prompt)
      const run = driver.run(driver.frame(LLAMA.prompt, { input: { kind: 'tokens', ids } }))
      ids.fill(0)
      expect(tokenOf(must(await run))).toBe(expected[0])
      await stage.close(driver.session)
    })

    test('truncate forgets from a position on; what comes again is the same', async () => {
      const driver = drive()
      must(await driver.open())
      expect(await driver.tokens(LLAMA.prompt, COUNT)).toEqual(expected)
      const rewind = (epoch: number, position: number, sampler?: SamplerSpec) =>
        stage.truncate(driver.session, epoch, position, sampler)
      expect(codeOf(await rewind(0, driver.position + 1))).toBe('position-mismatch')
      expect(codeOf(await rewind(-1, 0))).toBe('epoch-stale')
      expect(codeOf(await rewind(0, 0, { ...GREEDY, minP: 2 }))).toBe('frame-invalid')
      expect(codeOf(await stage.truncate(99, 0, 0))).toBe('session-unknown')

      const kept = LLAMA.prompt.length - 3
      must(await rewind(2, kept))
      expect(codeOf(await rewind(1, 0))).toBe('epoch-stale')
      driver.position = kept
      expect(codeOf(await stage.run(driver.frame(LLAMA.prompt.slice(kept))))).toBe('epoch-stale')
      driver.epoch = 2
      expect(await driver.tokens(LLAMA.prompt.slice(kept), COUNT)).toEqual(expected)

      // An edit: another end of the prompt on the same KV gives what a fresh session gives.
      const edited = [...LLAMA.prompt.slice(0, 6), 40, 41, 42, 43]
      must(await rewind(3, 6))
      Object.assign(driver, { epoch: 3, position: 6 })
      expect(await driver.tokens(edited.slice(6), COUNT)).toEqual(await generate([stage], edited, COUNT))

      // A rewind may bring the sampler of the next turn.
      must(await rewind(4, 0, SEEDED))
      Object.assign(driver, { epoch: 4, position: 0 })
      const seeded = await generate([stage], LLAMA.prompt, COUNT, { sampler: SEEDED })
      expect(await driver.tokens(LLAMA.prompt, COUNT)).toEqual(seeded)
      await stage.close(driver.session)
    })

    test('sessions do not disturb each other', async () => {
      const prompts = [LLAMA.prompt, [1, 50, 60, 70], [...LLAMA.prompt].reverse()]
      const samplers = [GREEDY, SEEDED, { ...SEEDED, seed: 7n }]
      const alone = []
      for (const [i, prompt] of prompts.entries())
        alone.push(await generate([stage], prompt, COUNT, { sampler: samplers[i] ?? GREEDY }))
      const drivers = prompts.map(drive)
      for (const [i, driver] of drivers.entries()) must(await driver.open(samplers[i]))
      const out: number[][] = prompts.map(() => [])
      for (let step = 0; step < COUNT; step += 1) {
        // All of a step in flight at once.
        const frames = drivers.map((driver, i) =>
          driver.token(driver.frame(step === 0 ? (prompts[i] ?? []) : (out[i]?.slice(-1) ?? []))),
        )
        for (const [i, token] of (await Promise.all(frames)).entries()) out[i]?.push(token)
      }
      expect(out).toEqual(alone)
      for (const driver of drivers) await stage.close(driver.session)
    })

    test('close frees the id; closing what is not open is no error', async () => {
      const driver = drive()
      await stage.close(driver.session)
      must(await driver.open())
      await driver.token(driver.frame(LLAMA.prompt))
      await stage.close(driver.session)
      await stage.close(driver.session)
      expect(codeOf(await stage.run(driver.frame([5])))).toBe('session-unknown')
      driver.position = 0
      must(await driver.open())
      expect(await driver.tokens(LLAMA.prompt, 2)).toEqual(expected.slice(0, 2))
      await stage.close(driver.session)
    })

    test('dispose is the only exit and may be called again', async () => {
      const other = await load(LLAMA.build(), { first: 0, last: 1 })
      const driver = new Driver(other, 1)
      must(await driver.open())
      must(await driver.run(driver.frame(LLAMA.prompt, { sample: false })))
      await other.dispose()
      await other.dispose()
      expect(other.state).toBe('disposed')
      expect(codeOf(await other.run(driver.frame([5], { sample: false })))).toBe('not-loaded')
      expect(codeOf(await new Driver(other, 2).open())).toBe('not-loaded')
      expect(codeOf(await other.truncate(1, 0, 0))).toBe('not-loaded')
      await other.close(1)
    })

    describe.each(['llama-f32', 'qwen2-f32', 'qwen3-f32', 'llama-untied'])('%s in parts', (model) => {
      const { spec, prompt } = fixture(model)
      const file = tinyModel({ ...spec, layers: 4 })
      const CUTS = [[4], [2, 4], [1, 2, 3, 4]]
      let routes: StageEngine[][] = []

      beforeAll(async () => {
        routes = []
        for (const cuts of CUTS) {
          const route = []
          for (const [i, last] of cuts.entries()) route.push(await load(file, { first: cuts[i - 1] ?? 0, last }))
          routes.push(route)
        }
      })
      afterAll(async () => {
        for (const part of routes.flat()) await part.dispose()
      })

      test.each([
        ['greedy', GREEDY],
        ['seeded', SEEDED],
      ])('whole = 2 = 4 parts, token for token, %s', async (_, sampler) => {
        const [whole, ...parts] = await Promise.all(routes.map((route) => generate(route, prompt, 10, { sampler })))
        expect(new Set(whole).size).toBeGreaterThan(1)
        for (const tokens of parts) expect(tokens).toEqual(whole)
      })

      test('hidden rows have the same bits on either way', async () => {
        const spot = { session: 1, epoch: 0, position: 0 }
        const [, two = [], four = []] = routes
        const rows: Float32Array[] = []
        for (const route of [two.slice(0, 1), four.slice(0, 2)]) {
          for (const part of route)
            must(await part.open({ session: 1, epoch: 0, positions: POSITIONS, sampler: GREEDY }))
          rows.push(rowsOf(await feed(route, spot, prompt, 'prefill', false)))
          for (const part of route) await part.close(1)
        }
        const [left = new Float32Array(0), right = new Float32Array(0)] = rows
        expect(left.length).toBe(prompt.length * (two[0]?.facts.width ?? 0))
        expect(bitDifference(left, right)).toBeNull()
      })

      test('parts refuse what is not theirs', async () => {
        const [, [first, tail] = []] = routes
        if (!first || !tail) throw new Error('there are two parts')
        for (const part of [first, tail])
          must(await part.open({ session: 1, epoch: 0, positions: POSITIONS, sampler: GREEDY }))
        const { width, vocabulary } = first.facts
        const tokens = { kind: 'tokens', ids: Uint32Array.of(5) } as const
        const hidden = { kind: 'hidden', rows: new Float32Array(width) } as const
        const ids = Uint32Array.of(5)
        const frame: Frame = {
          session: 1,
          epoch: 0,
          position: 0,
          count: 1,
          mode: 'decode',
          input: tokens,
          sample: false,
        }
        const refused = [
          await first.run({ ...frame, sample: true }),
          await first.run({ ...frame, input: hidden }),
          await first.run({ ...frame, input: { kind: 'chained' } }),
          await tail.run({ ...frame, ids }),
          await tail.run({ ...frame, input: hidden }),
          await tail.run({ ...frame, input: hidden, ids: Uint32Array.of(vocabulary) }),
          await tail.run({ ...frame, input: { kind: 'hidden', rows: new Float32Array(width + 1) }, ids }),
          await tail.run({ ...frame, input: { kind: 'chained' }, ids }),
        ]
        expect(refused.map(codeOf)).toEqual(refused.map(() => 'frame-invalid'))
        expect(must(await tail.run({ ...frame, input: hidden, ids })).kind).toBe('none')
        for (const part of [first, tail]) await part.close(1)
      })
    })
  })
}
