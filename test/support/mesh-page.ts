/**
 * One tab of the mesh in a page that the product's build and server make: the product's own parts, its calls on
 * `window.mesh`. Driven by `mesh-app.ts`.
 */
import { MemoryAccountShelf } from '../../web/account/account-shelf.ts'
import { makeKey } from '../../web/account/device-key.ts'
import { MemoryRoomShelf } from '../../web/account/room-shelf.ts'
import type { RoomView } from '../../web/account/room-view.ts'
import { MeshTab } from '../../web/mesh-tab.ts'
import { findProof } from '../../web/mesh-wallet-gift.ts'
import type { ContributionState } from '../../web/schedule/contribution.ts'
import { CpuChat } from '../../web/schedule/cpu-chat.ts'
import { Engines } from '../../web/schedule/engines.ts'
import type { JobStand } from '../../web/schedule/jobs/job-asker.ts'
import { ChatWork } from '../../web/schedule/jobs/kinds/chat.ts'
import { SpeedStore } from '../../web/schedule/speed-store.ts'
import { StageChat } from '../../web/schedule/stage-chat.ts'
import type { ChatMessage } from '../../web/wire/chat.ts'
import { parsePuzzle, parseWallet } from '../../web/wire/credit-events.ts'
import type { JobEvent } from '../../web/wire/job-parts.ts'
import type { JobKind } from '../../web/wire/jobs.ts'
import type { Result } from '../../web/wire/result.ts'
import { fanOutCalls } from './fan-out-page.ts'
import { fixedRate, jobCalls, requestOf } from './job-page.ts'
import { type FrameTime, timeFrames } from './timed-stage.ts'

const NEVER = new AbortController().signal

interface OfferedJobs {
  readonly kinds?: readonly JobKind[]
  readonly answerTokensMax?: number
}

let signal = 'connecting'
const signals: string[] = []
let contribution: ContributionState = { state: 'off', reason: null }
let rooms: readonly RoomView[] = []
const events: { readonly atMs: number; readonly kind: string; readonly peer: string; readonly detail: string }[] = []

const asked = new URLSearchParams(location.search)
const stageWorker = () =>
  asked.get('stage') === 'oracle'
    ? new Worker(new URL('./oracle-worker.ts', import.meta.url), { type: 'module' })
    : new Worker(new URL('../../web/engine/worker.ts', import.meta.url), { type: 'module' })
const baseUrl = new URL('.', location.href).href
const parts = { baseUrl, askPersistence: async () => false, now: () => performance.now() }
const alone = new StageChat({ ...parts, makeWorker: stageWorker })
const cpuWorker = () => new Worker(new URL('../../web/cpu/worker.ts', import.meta.url), { type: 'module' })
const cpu = async () => new CpuChat({ ...parts, makeWorker: cpuWorker })
const engines = new Engines({
  make: { stage: async () => alone, ...(asked.get('engine') === 'cpu' ? { cpu } : {}) },
  allowSoftware: async () => true,
  cpuThreads: 1,
  speeds: new SpeedStore(null),
})
const fixed = fixedRate(asked)
const jobRunner = fixed ?? engines
const tab = await MeshTab.join({
  baseUrl,
  key: await makeKey(),
  roomShelf: new MemoryRoomShelf(),
  accountShelf: new MemoryAccountShelf(),
  onAccount: () => {},
  onRooms(changed) {
    rooms = changed
  },
  makeStageWorker: stageWorker,
  makeTicker: () => new Worker(new URL('../../web/mesh/ticker-worker.ts', import.meta.url), { type: 'module' }),
  askPersistence: async () => false,
  jobRunner,
  relayOnly: () => asked.get('relay') === 'only',
  onSignal(state) {
    signals.push(JSON.stringify(state))
    signal = state.state === 'away' ? `away: ${state.reason.code} ${state.reason.detail}` : state.state
  },
  onContribution(state) {
    contribution = state
  },
  onJobs: () => {},
  onRoute(_, event) {
    const detail = event.kind === 'planned' ? JSON.stringify(event.plan.stages) : ''
    const fed = event.kind === 'replaced' && event.fed ? 'fed' : detail
    const reason = event.kind === 'lost' ? `${event.reason.code} ${event.reason.detail}` : fed
    const peer = 'peer' in event ? event.peer : ''
    events.push({ atMs: performance.now(), kind: event.kind, peer, detail: reason })
    if (event.kind === 'lost') void moment('lost', reason)
  },
})

/** Where a driver has asked for it, it is told of what happens here and may act in the middle of it. */
const moment = async (name: string, detail: string) => {
  const { weftMoment } = window as { weftMoment?: (name: string, detail: string, atMs: number) => Promise<void> }
  await weftMoment?.(name, detail, performance.now())
}
const plan = tab.node.server.plan.bind(tab.node.server)
tab.node.server.plan = async (wish) => {
  const planned = await plan(wish)
  // The asker hears of its route when the driver has done what it wanted.
  if (planned.ok) await moment('planned', JSON.stringify(planned.value.stages))
  return planned
}

const stands: JobStand[] = []
let takeFrames: () => readonly FrameTime[] = () => []
let streamed: { readonly text: string; readonly tokens: number } = { text: '', tokens: 0 }

/** One answer and when each of its tokens came. */
async function read(answer: AsyncIterable<JobEvent>) {
  streamed = { text: '', tokens: 0 }
  const tokens: number[] = []
  const atMs: number[] = []
  let text = ''
  let end: Extract<JobEvent, { kind: 'end' }> | null = null
  for await (const event of answer) {
    if (event.kind === 'text') {
      text += event.text
      for (const id of event.tokens ?? []) {
        tokens.push(id)
        atMs.push(performance.now())
        void moment('token', String(tokens.length))
      }
      streamed = { text, tokens: tokens.length }
    }
    if (event.kind === 'prefill') void moment('prefill', `${event.done} of ${event.total}`)
    if (event.kind === 'end') end = event
  }
  return { text, tokens, atMs, end }
}

type Question = readonly [content: string, maxTokens: number, temperature: number, seed: number]
const requestFor = (...[content, maxTokens, temperature, seed]: Question) =>
  requestOf({ content, maxTokens, temperature, seed })

interface AskedModel {
  readonly id: string
  readonly layers: number
  readonly activeParameters?: number
}

function askJob({ id: modelId, ...model }: AskedModel, ...request: Question) {
  const wish = requestFor(...request)
  const about = {
    ...model,
    class: 'interactive',
    modelId,
    promptTokens: 64,
    maxTokens: wish.maxTokens,
    room: null,
  } as const
  return read(tab.jobAsker.ask(new ChatWork(wish), about, NEVER, (stand) => stands.push(stand)))
}

const mesh = {
  peer: async () => tab.node.peer,
  signal: async () => signal,
  signals: async () => signals,
  contribution: async () => contribution,
  serving: async () => tab.contribution.serving,
  routeEvents: async () => events.splice(0),
  /** What happened last to a route of this tab. */
  routeState: async () => events.at(-1)?.kind ?? '',
  contribute: (id: string, layers: number, layersMax: number) =>
    tab.contribution.start({ kind: 'mirror', id }, { id, layers }, layersMax, () => {}),
  stop: () => tab.contribution.stop(),
  numericClass: async () => tab.contribution.numericClass,
  loadHead: (id: string) => tab.chat.load({ kind: 'mirror', id }, () => {}, NEVER),
  streamed: async () => streamed,

  ask: (...request: Question) => read(tab.chat.chat(requestFor(...request), NEVER)),

  /** One conversation: each question after the answer to the one before. */
  async converse(questions: readonly string[], maxTokens: number, temperature: number, seed: number) {
    const messages: ChatMessage[] = []
    const answers: Awaited<ReturnType<typeof read>>[] = []
    for (const content of questions) {
      messages.push({ role: 'user', content })
      const request = { ...requestFor(content, maxTokens, temperature, seed), messages: [...messages] }
      const answer = await read(tab.chat.chat(request, NEVER))
      messages.push({ role: 'assistant', content: answer.text })
      answers.push(answer)
    }
    return answers
  },

  /** With the first and the last layer on this tab's own GPU. */
  askPrivately: (...request: Question) => read(tab.chat.chat(requestFor(...request), NEVER, true)),
  askIn: (room: string, ...request: Question) => read(tab.chat.chat(requestFor(...request), NEVER, false, room)),
  makeRoom: (alone: boolean) => tab.rooms.make('Studio', alone),
  joinRoom: (invite: string) => tab.rooms.join(invite),
  within: async (room: string | null) => tab.within(room),
  rooms: async () => rooms,

  /** The whole model in this tab, without any mesh. */
  async askAlone(id: string, ...request: Question) {
    const loaded = await alone.load({ kind: 'mirror', id }, () => {}, NEVER)
    if (!loaded.ok) throw new Error(loaded.code)
    return read(alone.chat(requestFor(...request), NEVER))
  },

  /** Answers whole jobs with this model from now on. */
  async offerJobs(id: string, layers: number, parallel: number, more: OfferedJobs = {}) {
    const loaded = await engines.load({ kind: 'mirror', id }, () => {}, NEVER)
    if (!loaded.ok) return loaded
    const { contextPositions: positions, engine } = loaded.value
    const { kinds = ['chat', 'completion'], answerTokensMax = 4_096 } = more
    const offer = { positions, promptTokensMax: positions, answerTokensMax, tokensPerSecond: null, parallel } as const
    const source = { kind: 'mirror', id } as const
    tab.jobs.serve([
      { source, layers, activeParameters: 0, modelId: id, engine, kinds, ...offer, prefillTokensPerSecond: null },
    ])
    return loaded
  },
  offers: async () => tab.jobs.offers,
  askJob: (id: string, layers: number, ...request: Question) => askJob({ id, layers }, ...request),
  /** By somebody who has credits, for a model of so many parameters. */
  askPaidJob: (id: string, layers: number, activeParameters: number, ...request: Question) =>
    askJob({ id, layers, activeParameters }, ...request),
  /** The gift to this device. A ledger in memory is made when it is first needed, which takes a while. */
  async firstCredits(): Promise<Result<unknown>> {
    for (let tries = 0; ; tries += 1) {
      const asked = await tab.node.server.credit({ kind: 'puzzle' })
      const puzzle = asked.ok ? parsePuzzle(asked.value) : asked
      const proof = puzzle.ok ? await findProof(puzzle.value) : puzzle
      const given = proof.ok ? await tab.node.server.credit({ kind: 'grant', proof: proof.value }) : proof
      if (given.ok || given.code !== 'signal-away' || tries === 5) return given
    }
  },
  /** In millionths of a credit, as text. */
  async credits(): Promise<Readonly<Record<'user' | 'held' | 'escrow', string>> | null> {
    const asked = await tab.node.server.credit({ kind: 'wallet' })
    const wallet = asked.ok ? parseWallet(asked.value) : asked
    if (!wallet.ok) return null
    const { userMicro, heldMicro, escrowMicro } = wallet.value
    return { user: String(userMicro), held: String(heldMicro), escrow: String(escrowMicro) }
  },
  jobStands: async () => stands,
  ...jobCalls(tab, jobRunner, fixed),
  ...fanOutCalls(tab, jobRunner),

  unloadAlone: () => alone.unload(),
  takeTimes: () => tab.stage.takeTimes(),
  /** Before `contribute`. `waitMs` is added to each frame. */
  async timeFrames(waitMs: number) {
    takeFrames = timeFrames(tab.stage, waitMs)
  },
  takeFrames: async () => takeFrames(),

  async links() {
    const paths = await Promise.all(tab.node.links.map((link) => link.path()))
    return tab.node.links.map(({ peer, stats }, index) => ({ peer, stats, path: paths[index] ?? null }))
  },
}

export type MeshPage = typeof mesh
Object.assign(window, { mesh })
document.title = 'ready'
