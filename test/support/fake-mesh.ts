/**
 * The one fake mesh: stands in for `MeshTab` behind the page. A test says what the server and other tabs say; what the page
 * asked for is remembered. Nothing happens by itself.
 */

import type { AccountView, LinkView, RoomView } from '../../web/app-mesh-view.ts'
import type { JoinedMesh, MeshHooks, MeshParts } from '../../web/mesh-door.ts'
import type { RouteWord } from '../../web/mesh-routes.ts'
import type { ContributionState } from '../../web/schedule/contribution.ts'
import type { ServedModel } from '../../web/schedule/jobs/held-job.ts'
import type { JobStand } from '../../web/schedule/jobs/job-asker.ts'
import type { JobCounts } from '../../web/schedule/jobs/job-server.ts'
import type { JobAbout } from '../../web/schedule/jobs/job-workers.ts'
import type { JobPace } from '../../web/schedule/jobs/paced-runner.ts'
import type { RouteTimes } from '../../web/schedule/lap-meter.ts'
import type { Census } from '../../web/wire/census.ts'
import { type ChatEvent, type ChatMessage, type ChatRequest, type LoadProgress, NO_USAGE } from '../../web/wire/chat.ts'
import type { Code } from '../../web/wire/codes.ts'
import { type JobEvent, readChatJob } from '../../web/wire/job-parts.ts'
import type { PairWish, PairWord } from '../../web/wire/pairings.ts'
import type { PlannedStage } from '../../web/wire/plan-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import type { Announcement } from '../../web/wire/rulings.ts'
import { FakeDevice } from './fake-device.ts'
import { FakeWallet } from './fake-wallet.ts'
import { until } from './until.ts'

/** 22 characters, as a run has. */
export const peerNamed = (name: string) => `key/${name.padEnd(22, '0')}`

export interface AskedJob extends JobAbout {
  readonly request: ChatRequest
  readonly signal: AbortSignal
  readonly onStand: (stand: JobStand) => void
}

type Started = Result<{ readonly first: number; readonly last: number }>

export class FakeMesh {
  /** As what it joins. */
  self = peerNamed('self')
  joins = 0
  left = 0
  starts = 0
  readonly wallet = new FakeWallet()
  readonly device = new FakeDevice()
  /** What the page asked of pairings, in order, what each comes to, and how the server speaks of them. */
  readonly pairWishes: PairWish[] = []
  pairAnswer: (wish: PairWish) => Result<unknown> = () => ok(null)
  sayPair: (word: PairWord) => void = () => {}
  /** By partner key. */
  readonly sites = new Map<string, string>()
  /** How often what is told of this tab changed. */
  told = 0
  looking: boolean | RoomId = false
  within: RoomId | null = null
  /** What the page asked of rooms, in order; each is answered by `room`. */
  readonly roomWishes: (readonly unknown[])[] = []
  /** What the page asked of its account, in order, and what each comes to. */
  readonly accountWishes: (readonly unknown[])[] = []
  accountAnswer: Result<null> = ok(null)
  words = 'abandon ability able about above absent absorb abstract absurd abuse access accident'
  /** The room of each answer that was asked for; null for anyone. */
  readonly askedWithin: (RoomId | null)[] = []
  /** What the next wish of a room comes to. */
  room: Result<RoomId> = ok('')
  layersMax: number | null = null
  serving = 0
  positions = 0
  links: readonly (LinkView & { sentBytes?: number; receivedBytes?: number })[] = []
  nowMs = 0
  /** Of each answer over others: whether the ends were to stay here. */
  readonly privately: boolean[] = []
  /** What an answer over others comes to. */
  chat: () => AsyncIterable<ChatEvent> = async function* () {}
  /** Tokens of a prompt; a token a message unless a test says otherwise. */
  countOf: (messages: readonly ChatMessage[]) => number = ({ length }) => length
  /** What others were asked. */
  readonly requests: ChatRequest[] = []
  /** What a whole job comes to: nobody holds the model, unless a test says otherwise. */
  job: (asked: AskedJob) => AsyncGenerator<JobEvent, void, undefined> = async function* () {
    yield { kind: 'end', reason: 'error', usage: NO_USAGE, code: 'no-holder', detail: '' }
  }
  /** Jobs that others were asked for. */
  readonly jobs: AskedJob[] = []
  /** Its code cannot be fetched. */
  unreachable = false
  #hooks: MeshHooks | null = null
  #given: ContributionState = { state: 'off', reason: null }
  #settle: ((started: Started) => void) | null = null
  #onProgress: (progress: LoadProgress) => void = () => {}
  readonly #ticks = new Set<() => void>()
  duty = 1
  hiddenSlowdown: number | null = null
  /** Whole answers that this tab offers, how many others wait for, and what it has given. */
  served: readonly ServedModel[] = []
  jobsHeld = 0
  jobCounts: JobCounts = { jobs: 0, tokens: 0 }
  jobPace: JobPace | null = null
  times: RouteTimes | null = null

  get parts(): MeshParts {
    return {
      join: async (hooks) => {
        if (this.unreachable) throw new TypeError('Failed to fetch')
        this.joins += 1
        this.#hooks = hooks
        return this.#joined()
      },
      siteOf: async (key) => {
        const site = this.sites.get(key)
        return site === undefined ? fail('partner-unknown', '') : ok(site)
      },
      nowMs: () => this.nowMs,
      every: (_, run) => {
        this.#ticks.add(run)
        return () => this.#ticks.delete(run)
      },
      ...this.device.parts,
    }
  }

  get given(): ContributionState['state'] {
    return this.#given.state
  }

  /** Each resolves once the page has come so far. */
  joined(): Promise<void> {
    return until(() => this.#hooks !== null)
  }

  started(): Promise<void> {
    return until(() => this.#settle !== null)
  }

  settled(): Promise<void> {
    return until(() => this.#settle === null)
  }

  gone(): Promise<void> {
    return until(() => this.left > 0)
  }

  signal(state: 'connecting' | 'here'): void {
    this.#hooks?.onSignal({ state })
  }

  away(final = false): void {
    this.#hooks?.onSignal({ state: 'away', reason: fail('signal-away', 'transport close'), final })
  }

  /** Of the room that is looked at, unless it says another one. */
  census(census: Omit<Census, 'room'> & { readonly room?: RoomId | null }): void {
    this.#hooks?.onCensus({ room: typeof this.looking === 'string' ? this.looking : null, ...census })
  }

  route(request: string, word: RouteWord): void {
    this.#hooks?.onRoute(request, word)
  }

  /** An answer of this tab begins over these. */
  planned(request: string, stages: readonly PlannedStage[]): void {
    this.route(request, { kind: 'planned', plan: { stages, predictedMs: 40, oneClass: true } })
  }

  /** The server has said which layers. */
  assign(first: number, last: number): void {
    this.#become({ state: 'loading', span: { first, last } })
  }

  progress(progress: LoadProgress): void {
    this.#onProgress(progress)
  }

  serve(first: number, last: number, modelId: string, msPerLayer: number): void {
    this.#become({ state: 'serving', span: { first, last }, modelId, msPerLayer })
    this.#end(ok({ first, last }))
  }

  refuse(code: Code, detail: string): void {
    const reason = fail(code, detail)
    this.#become({ state: 'off', reason })
    this.#end(reason)
  }

  /** A job of somebody came to this tab, or ended here. */
  jobCame(held: number, counts: JobCounts): void {
    this.jobsHeld = held
    this.jobCounts = counts
    this.#hooks?.onJobs()
  }

  /** Its worker died. */
  lose(): void {
    this.#become({ state: 'off', reason: null })
  }

  account(account: AccountView): void {
    this.#hooks?.onAccount(account)
  }

  announced(announcements: readonly Announcement[]): void {
    this.#hooks?.onAnnouncements(announcements)
  }

  rooms(rooms: readonly RoomView[]): void {
    this.#hooks?.onRooms(rooms)
  }

  #end(result: Started): void {
    this.#settle?.(result)
    this.#settle = null
  }

  /** A second has passed. */
  async tick(): Promise<void> {
    this.nowMs += 1_000
    for (const run of [...this.#ticks]) run()
    // What a link says of itself comes a moment later.
    await until(() => true)
  }

  #become(state: ContributionState): void {
    this.#given = state
    this.#hooks?.onContribution(state)
  }

  #askedAccount(...wish: readonly unknown[]): Result<null> {
    this.accountWishes.push(wish)
    return this.accountAnswer
  }

  #wished(...wish: readonly unknown[]): Result<RoomId> {
    this.roomWishes.push(wish)
    return this.room
  }

  #joined(): JoinedMesh {
    const mesh = this
    return {
      node: {
        peer: mesh.self,
        get links() {
          return mesh.links.map(({ peer, relayed, roundTripMs, sentBytes = 0, receivedBytes = 0 }) => ({
            peer,
            stats: {
              control: { sentBytes: 0, receivedBytes: 0, queuedBytes: 0 },
              tensors: { sentBytes, receivedBytes, queuedBytes: 0 },
            },
            path: async () => (relayed === null ? null : { relayed, roundTripMs }),
          }))
        },
        server: {
          look: (on) => {
            this.looking = on
          },
          tell: () => {
            this.told += 1
          },
          credit: (wish) => this.wallet.credit(wish),
          pair: async (wish) => {
            this.pairWishes.push(wish)
            return this.pairAnswer(wish)
          },
          set onPair(hear: (word: PairWord) => void) {
            mesh.sayPair = hear
          },
        },
      },
      contribution: {
        get serving() {
          return mesh.serving
        },
        get positions() {
          return mesh.positions
        },
        get hiddenSlowdown() {
          return mesh.hiddenSlowdown
        },
        pace: (duty) => {
          this.duty = duty
        },
        start: async (_source, _model, layersMax, onProgress) => {
          this.starts += 1
          this.layersMax = layersMax
          this.#onProgress = onProgress
          this.#become({ state: 'loading', span: null })
          return new Promise<Started>((settle) => {
            this.#settle = settle
          })
        },
        stop: async () => {
          this.#end(fail('aborted', ''))
          if (this.#given.state !== 'off') this.#become({ state: 'off', reason: null })
        },
      },
      jobs: {
        get held() {
          return mesh.jobsHeld
        },
        get counts() {
          return mesh.jobCounts
        },
        pace: (pace) => {
          this.jobPace = pace
        },
        serve: (models) => {
          this.served = models
        },
        stop: () => {
          this.served = []
          this.jobsHeld = 0
        },
      },
      chat: {
        get times() {
          return mesh.times
        },
        load: async () => ok({ contextPositions: 2_048 } as never),
        count: async (messages) => ok(this.countOf(messages)),
        async *chat(request, _signal, privateEnds = false, room = null) {
          mesh.requests.push(request)
          mesh.privately.push(privateEnds)
          mesh.askedWithin.push(room)
          yield* mesh.chat()
        },
      },
      jobAsker: {
        async *ask(work, about, signal, onStand = () => {}) {
          const read = readChatJob(work.ask(true, about.promptTokens + about.maxTokens))
          if (!read.ok) throw new Error(read.detail)
          const asked = { kind: work.kind, request: read.value, ...about, signal, onStand }
          mesh.jobs.push(asked)
          yield* mesh.job(asked)
        },
      },
      rooms: {
        make: async (...wish) => this.#wished('make', ...wish),
        join: async (...wish) => this.#wished('join', ...wish),
        renewInvite: async (...wish) => void this.#wished('renewInvite', ...wish),
        answer: async (...wish) => (this.#wished('answer', ...wish).ok ? ok(null) : fail('signal-away', '')),
        remove: async (...wish) => (this.#wished('remove', ...wish).ok ? ok(null) : fail('room-full', '')),
        leave: async (...wish) => void this.#wished('leave', ...wish),
      },
      account: {
        look: async () => void this.accountWishes.push(['look']),
        showRequest: () => void this.accountWishes.push(['show']),
        hideRequest: () => void this.accountWishes.push(['hide']),
        add: async (link) => this.#askedAccount('add', link),
        remove: async (key) => this.#askedAccount('remove', key),
        recover: async (words) => this.#askedAccount('recover', words),
        newWords: async () => {
          const asked = this.#askedAccount('words')
          return asked.ok ? ok(this.words) : asked
        },
      },
      within: (room) => {
        this.within = room
      },
      leave: async () => {
        this.left += 1
      },
    }
  }
}
