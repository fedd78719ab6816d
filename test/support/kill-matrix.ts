/**
 * Real deaths of real tabs: stages of a tiny model in tabs of one Chromium, a standby for each, and an asker. A cell
 * of the matrix is one answer in which one stage dies in one phase in one way; tabs that died are replaced by new ones, so
 * that cells share all others. Registers the test runner's hooks; prints one table at the end.
 */
import type { Browser } from 'playwright'
import { afterAll, beforeAll, expect } from 'vitest'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, rendererOf, serveModels } from './app-page.ts'
import { type BuiltPage, buildPage } from './build-page.ts'
import { launchChromium } from './chromium.ts'
import { type MeshTabPage, openMeshTab } from './mesh-app.ts'
import type { MeshPage } from './mesh-page.ts'
import { RELAY_FLAGS, UdpRelay, viaRelay } from './udp-relay.ts'

const TOKENS = 24
const AT_TOKEN = 8
/** Time enough to lose the server, and then a stage; more than what nobody pays for, so the asker has credits. */
const LONG_TOKENS = 400
const TEMPERATURE = 0.8
const SEED = 11
const SENTENCE = 'The weft goes over and under the warp, row after row, until the cloth is whole. '

export const DEATHS = ['closed', 'worker', 'dropped', 'frozen'] as const
export const PHASES = ['connect', 'prefill', 'decode', 'hand-over'] as const
export type Death = (typeof DEATHS)[number]
export type Phase = (typeof PHASES)[number]

export interface Cell {
  readonly stage: number
  readonly phase: Phase
  readonly death: Death
}

/** Each stage, in each of these phases, by each death. */
export function cellsOf(stages: number, phases: readonly Phase[] = PHASES): readonly Cell[] {
  return phases.flatMap((phase) =>
    DEATHS.flatMap((death) => Array.from({ length: stages }, (_, stage) => ({ stage, phase, death }))),
  )
}

type Answer = Awaited<ReturnType<MeshPage['ask']>>
type RouteEvents = Awaited<ReturnType<MeshPage['routeEvents']>>

interface Worker {
  readonly name: string
  readonly tab: MeshTabPage
  readonly peer: string
}

interface Killed {
  readonly atMs: number
  readonly tokens: number
}

/** What a driver does when the asker is there; the asker does not wait, except for its plan. */
type OnMoment = (name: string, detail: string, atMs: number) => Promise<void>

const QUESTIONS: Readonly<Record<Phase, string>> = {
  connect: 'Tell me about warp and weft.',
  decode: 'Tell me about warp and weft.',
  // Long enough for several chunks, and for a recovery that takes a while.
  prefill: SENTENCE.repeat(4),
  'hand-over': SENTENCE.repeat(4),
}

export class KillMatrix {
  readonly #server: AppServer
  readonly #browser: Browser
  readonly #stages: number
  readonly #relay = new UdpRelay({ rttMs: 0, jitterMs: 0, lossPercent: 0 })
  readonly #expected = new Map<string, Answer>()
  readonly #rows: string[][] = []
  #workers: Worker[] = []
  #asker: MeshTabPage | null = null
  #onMoment: OnMoment = async () => {}
  #opened = 0

  constructor(server: AppServer, browser: Browser, stages: number) {
    this.#server = server
    this.#browser = browser
    this.#stages = stages
  }

  async play(cell: Cell): Promise<void> {
    const { stage, phase, death } = cell
    const asker = await this.ready()
    const question = QUESTIONS[phase]
    const expected = await this.#undisturbed(asker, question)
    const undo: (() => Promise<void>)[] = []
    const killed: Killed[] = []
    let route: readonly Worker[] = []
    let tokens = 0
    let pid = 0
    const kill = async (worker: Worker | undefined, how: Death, atMs: number) => {
      if (!worker) throw new Error('the route has no such stage')
      killed.push({ atMs, tokens })
      undo.push(await this.#kill(worker, how, pid))
    }
    this.#onMoment = async (name, detail, atMs) => {
      if (name === 'token') tokens = Number(detail)
      if (name === 'planned') {
        route = this.#routeOf(detail)
        const victim = route[stage]
        if (death === 'frozen' && victim) pid = await rendererOf(victim.tab.page)
        if (phase === 'connect') await kill(victim, death, atMs)
      }
      if (name === 'prefill' && phase === 'prefill' && killed.length === 0) await kill(route[stage], death, atMs)
      if (name === 'token' && tokens === AT_TOKEN) {
        if (phase === 'decode') await kill(route[stage], death, atMs)
        // The first death is another stage's; this cell's own comes while its place is being taken.
        if (phase === 'hand-over') await kill(route[(stage + 1) % this.#stages], 'closed', atMs)
      }
      if (name === 'lost' && phase === 'hand-over' && killed.length === 1) await kill(route[stage], death, atMs)
    }
    let answer: Answer
    try {
      answer = await asker.call('ask', question, TOKENS, TEMPERATURE, SEED)
    } finally {
      this.#onMoment = async () => {}
      for (const end of undo) await end()
    }
    const events = await asker.call('routeEvents')
    this.#note(cell, killed, answer, events)
    await this.#bury()
    expectSame(answer, expected, events)
    expect(killed).toHaveLength(phase === 'hand-over' ? 2 : 1)
    expect(killed[0]?.tokens).toBe(phase === 'connect' || phase === 'prefill' ? 0 : AT_TOKEN)
  }

  /** The server goes in the middle of an answer that is paid for, and then a stage. Nothing can be played after that. */
  async playWithoutServer(stage: number): Promise<void> {
    const asker = await this.ready()
    expect(await asker.call('firstCredits')).toMatchObject({ ok: true })
    const expected = await this.#undisturbed(asker, QUESTIONS.decode, LONG_TOKENS)
    let route: readonly Worker[] = []
    let away = false
    this.#onMoment = async (name, detail) => {
      if (name === 'planned') route = this.#routeOf(detail)
      if (name !== 'token' || away || Number(detail) < AT_TOKEN) return
      away = true
      await this.#linkedToSpares(route)
      await this.#server.server.close()
      await asker.until('(await mesh.signal()).startsWith("away")')
      const victim = route[stage]
      if (victim) await this.#kill(victim, 'closed', 0)
    }
    const answer = await asker.call('ask', QUESTIONS.decode, LONG_TOKENS, TEMPERATURE, SEED)
    expectSame(answer, expected, await asker.call('routeEvents'))
    await asker.until('(await mesh.signal()).startsWith("away")')
  }

  async close(): Promise<void> {
    await this.#browser.close()
    this.#relay.close()
    if (this.#rows.length > 0) console.log(tableOf(this.#rows))
  }

  /** Everybody is there again, in the order in which they are missed. */
  async ready(): Promise<MeshTabPage> {
    while (this.#workers.length < 2 * this.#stages) {
      const worker = await this.#open()
      expect(await worker.tab.call('contribute', this.#modelId, this.#stages, 1)).toMatchObject({ ok: true })
      this.#workers.push(worker)
    }
    if (this.#asker) return this.#asker
    const { tab } = await this.#open()
    this.#asker = tab
    expect(await tab.call('loadHead', this.#modelId)).toMatchObject({ ok: true })
    return tab
  }

  get #modelId(): string {
    return this.#server.ids[0] ?? ''
  }

  #routeOf(planned: string): readonly Worker[] {
    const stages: readonly { readonly peer: string }[] = JSON.parse(planned)
    const route = stages.flatMap(({ peer }) => this.#workers.find((worker) => worker.peer === peer) ?? [])
    expect(route).toHaveLength(this.#stages)
    return route
  }

  /** Each stage has links to its neighbours and to those who stand by for them. */
  async #linkedToSpares(route: readonly Worker[]): Promise<void> {
    const spares = this.#workers.filter((worker) => !route.includes(worker)).map(({ peer }) => peer)
    for (const { tab } of route) {
      // Of three stages each two are neighbours; its own standby is nobody to send to.
      await tab.until(`(await mesh.links()).filter(({ peer }) => ${JSON.stringify(spares)}.includes(peer)).length >= 2`)
    }
  }

  async #open(): Promise<Worker> {
    this.#opened += 1
    const name = `tab ${this.#opened}`
    const tab = await openMeshTab(this.#browser, this.#server.url, async (context) => {
      await viaRelay(context, this.#relay, name)
      await context.exposeFunction('weftMoment', (...what: Parameters<OnMoment>) => this.#onMoment(...what))
    })
    return { name, tab, peer: await tab.call('peer') }
  }

  /** The same question in one tab that has all layers, asked once. */
  async #undisturbed(asker: MeshTabPage, question: string, tokens = TOKENS): Promise<Answer> {
    const known = this.#expected.get(question)
    if (known) return known
    const answer = await asker.call('askAlone', this.#modelId, question, tokens, TEMPERATURE, SEED)
    await asker.call('unloadAlone')
    expect(answer.tokens).toHaveLength(tokens)
    this.#expected.set(question, answer)
    return answer
  }

  /** Returns how to let go of what would keep its browser from closing. It is dead for the cells that follow. */
  async #kill(worker: Worker, death: Death, pid: number): Promise<() => Promise<void>> {
    const { name, tab } = worker
    this.#workers = this.#workers.filter((other) => other !== worker)
    const bury = () => tab.context.close()
    switch (death) {
      case 'closed':
        await tab.page.close()
        return bury
      case 'worker': {
        const engine = tab.page.workers().find((candidate) => candidate.url().includes('engine'))
        await engine?.evaluate('close()').catch(() => {})
        return bury
      }
      case 'dropped':
        this.#relay.drop(name)
        return bury
      case 'frozen':
        process.kill(pid, 'SIGSTOP')
        return async () => {
          process.kill(pid, 'SIGCONT')
          await bury()
        }
      default:
        return death satisfies never
    }
  }

  /** The server counts only the living, so that the next ones take the places of the dead. */
  async #bury(): Promise<void> {
    const { roster } = this.#server.server.hub
    await expect.poll(() => roster.size, { timeout: 30_000 }).toBe(this.#workers.length + 1)
  }

  #note({ stage, phase, death }: Cell, killed: readonly Killed[], { atMs }: Answer, events: RouteEvents): void {
    const [first] = killed
    const lost = events.find(({ kind }) => kind === 'lost')
    const next = lost && atMs.find((at) => at > lost.atMs)
    const ms = (from: number | undefined, to: number | undefined) =>
      from === undefined || to === undefined ? '-' : String(Math.round(to - from))
    const replaced = events.filter(({ kind }) => kind === 'replaced')
    const row = [
      `${stage}`,
      phase,
      death,
      killed.map(({ tokens }) => tokens).join(' and '),
      ms(first?.atMs, lost?.atMs),
      ms(lost?.atMs, next),
      replaced.map(({ detail }) => (detail === 'fed' ? 'journal' : 'tokens')).join(' and '),
    ]
    this.#rows.push(row)
    // A matrix takes a while, and whoever stops it has seen what was played.
    console.log(lineOf(row))
  }
}

/** The answer is that of one undisturbed tab, and somebody did take over. */
function expectSame(answer: Answer, expected: Answer, events: RouteEvents): void {
  const happened = JSON.stringify(events.filter(({ kind }) => kind !== 'planned'))
  expect(answer.end, happened).toMatchObject({ reason: 'length' })
  expect(answer.tokens, happened).toEqual(expected.tokens)
  expect(answer.text, happened).toBe(expected.text)
  const kinds = events.map(({ kind }) => kind)
  expect(kinds).toContain('lost')
  expect(kinds).toContain('replaced')
  expect(kinds.at(-1)).toBe('recovered')
}

const COLUMNS = [
  'stage',
  'phase',
  'death',
  'committed at the kill',
  'noticed, ms',
  'then next token, ms',
  'replaced from',
]

function tableOf(rows: readonly (readonly string[])[]): string {
  const lines = [COLUMNS, COLUMNS.map(() => '---'), ...rows]
  return lines.map(lineOf).join('\n')
}

function lineOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** One for a file of tests. */
export function useKillMatrix(stages: number): () => KillMatrix {
  let built: BuiltPage
  let server: AppServer
  let matrix: KillMatrix
  beforeAll(async () => {
    built = await buildPage('mesh-page')
    const model = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 1024, layers: stages })
    server = await serveModels({ tiny: model }, built.appDir)
    matrix = new KillMatrix(server, await launchChromium({ args: [...RELAY_FLAGS] }), stages)
    await matrix.ready()
  })
  afterAll(async () => {
    await matrix?.close()
    await server?.close()
    await built?.remove()
  })
  return () => matrix
}
