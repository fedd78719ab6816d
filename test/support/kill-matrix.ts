/**
 * Real deaths of real tabs: three stages of a tiny model in tabs of one Chromium, a standby for each, and an asker. A cell
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

const STAGES = 3
const TOKENS = 24
const AT_TOKEN = 8
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

export const ALL_CELLS: readonly Cell[] = PHASES.flatMap((phase) =>
  DEATHS.flatMap((death) => Array.from({ length: STAGES }, (_, stage) => ({ stage, phase, death }))),
)

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
  readonly #relay = new UdpRelay({ rttMs: 0, jitterMs: 0, lossPercent: 0 })
  readonly #expected = new Map<string, Answer>()
  readonly #rows: string[] = []
  #workers: Worker[] = []
  #asker: MeshTabPage | null = null
  #onMoment: OnMoment = async () => {}
  #opened = 0

  constructor(server: AppServer, browser: Browser) {
    this.#server = server
    this.#browser = browser
  }

  async play(cell: Cell): Promise<void> {
    const { stage, phase, death } = cell
    const asker = await this.#ready()
    const question = QUESTIONS[phase]
    const expected = await this.#undisturbed(asker, question)
    await asker.call('routeEvents')
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
        const stages: readonly { readonly peer: string }[] = JSON.parse(detail)
        route = stages.flatMap(({ peer }) => this.#workers.find((worker) => worker.peer === peer) ?? [])
        expect(route).toHaveLength(STAGES)
        const victim = route[stage]
        if (death === 'frozen' && victim) pid = await rendererOf(victim.tab.page)
        if (phase === 'connect') await kill(victim, death, atMs)
      }
      if (name === 'prefill' && phase === 'prefill' && killed.length === 0) await kill(route[stage], death, atMs)
      if (name === 'token' && tokens === AT_TOKEN) {
        if (phase === 'decode') await kill(route[stage], death, atMs)
        // The first death is another stage's; this cell's own comes while its place is being taken.
        if (phase === 'hand-over') await kill(route[(stage + 1) % STAGES], 'closed', atMs)
      }
      if (name === 'lost' && phase === 'hand-over' && killed.length === 1) await kill(route[stage], death, atMs)
    }
    const answer = await asker.call('ask', question, TOKENS, TEMPERATURE, SEED)
    this.#onMoment = async () => {}
    const events = await asker.call('routeEvents')
    this.#tell(cell, killed, answer, events)
    for (const end of undo) await end()
    await this.#bury()
    expect(answer.end, JSON.stringify(events)).toMatchObject({ reason: 'length' })
    expect(answer.tokens).toEqual(expected.tokens)
    expect(answer.text).toBe(expected.text)
    expect(killed).toHaveLength(phase === 'hand-over' ? 2 : 1)
    const kinds = events.map(({ kind }) => kind)
    expect(kinds).toContain('replaced')
    expect(kinds.at(-1)).toBe('recovered')
  }

  async close(): Promise<void> {
    await this.#browser.close()
    this.#relay.close()
    console.log([HEAD, ...this.#rows].join('\n'))
  }

  /** Everybody is there again, in the order in which they are missed. */
  async #ready(): Promise<MeshTabPage> {
    while (this.#workers.length < 2 * STAGES) {
      const began = performance.now()
      const worker = await this.#open()
      const opened = performance.now()
      const served = await worker.tab.call('contribute', this.#server.ids[0] ?? '', STAGES, 1)
      console.log('opened', opened - began, 'serves', performance.now() - opened)
      expect(served).toMatchObject({ ok: true })
      this.#workers.push(worker)
    }
    if (this.#asker) return this.#asker
    const { tab } = await this.#open()
    this.#asker = tab
    expect(await tab.call('loadHead', this.#server.ids[0] ?? '')).toMatchObject({ ok: true })
    return tab
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
  async #undisturbed(asker: MeshTabPage, question: string): Promise<Answer> {
    const known = this.#expected.get(question)
    if (known) return known
    const answer = await asker.call('askAlone', this.#server.ids[0] ?? '', question, TOKENS, TEMPERATURE, SEED)
    await asker.call('unloadAlone')
    expect(answer.tokens).toHaveLength(TOKENS)
    const began = performance.now()
    const over = await asker.call('ask', question, TOKENS, TEMPERATURE, SEED)
    console.log('undisturbed', performance.now() - began)
    expect(over.tokens).toEqual(answer.tokens)
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

  #tell({ stage, phase, death }: Cell, killed: readonly Killed[], { atMs }: Answer, events: RouteEvents): void {
    const lost = events.find(({ kind }) => kind === 'lost')
    const [first] = killed
    const after = (ms: number | undefined) => {
      const next = atMs.find((at) => ms !== undefined && at > ms)
      return ms === undefined || next === undefined ? '-' : String(Math.round(next - ms))
    }
    const fed = events
      .filter(({ kind }) => kind === 'replaced')
      .map(({ detail }) => (detail === 'fed' ? 'fed' : 'anew'))
    const cells = [
      stage,
      phase,
      death,
      killed.map(({ tokens }) => tokens).join('+'),
      after(lost?.atMs),
      after(first?.atMs),
    ]
    this.#rows.push(`| ${[...cells, fed.join(' ')].join(' | ')} |`)
    console.log(
      this.#rows.at(-1),
      events
        .map(
          ({ kind, detail, atMs: at }) =>
            `${Math.round(at)} ${kind} ${kind === 'lost' || kind === 'replaced' ? detail : ''}`,
        )
        .join('; '),
      JSON.stringify(killed),
    )
  }
}

const HEAD = [
  '| stage | phase | death | committed tokens | from detection to the next token, ms | from the kill, ms | replaced |',
  '| --- | --- | --- | --- | --- | --- | --- |',
].join('\n')

/** One for a file of tests. */
export function useKillMatrix(): () => KillMatrix {
  let built: BuiltPage
  let server: AppServer
  let matrix: KillMatrix
  beforeAll(async () => {
    built = await buildPage('mesh-page')
    const model = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 1024, layers: STAGES })
    server = await serveModels({ tiny: model }, built.appDir)
    matrix = new KillMatrix(server, await launchChromium({ args: [...RELAY_FLAGS] }))
  })
  afterAll(async () => {
    await matrix?.close()
    await server?.close()
    await built?.remove()
  })
  return () => matrix
}
