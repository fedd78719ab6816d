/**
 * The mesh as `App.mesh`: joins it once somebody wants it and has said yes to what peers see, gives this tab's GPU, asks
 * over others, looks. Until then no code of the mesh is loaded and nothing connects. No DOM, no drawing, no wording.
 */
import type { GivingMeans, GivingPlan, MeshSettings, MeshView } from './app-mesh-view.ts'
import type { ModelEntry } from './app-view.ts'
import type { WorkerHead } from './engine/worker-api.ts'
import { MeshAsking } from './mesh-asking.ts'
import { MeshDevices } from './mesh-devices.ts'
import { ALONE, type JoinedMesh, type MeshHooks, type MeshParts } from './mesh-door.ts'
import { type GivingParts, MeshGiving } from './mesh-giving.ts'
import { givingPlanOf } from './mesh-giving-way.ts'
import { MeshJobs } from './mesh-jobs.ts'
import { countOf, linkView } from './mesh-links.ts'
import { MeshMeter } from './mesh-meter.ts'
import { MeshRooms } from './mesh-rooms.ts'
import { Shown } from './shown.ts'
import type { PreferenceStore } from './store/preferences.ts'
import { WalletDoor } from './wallet-door.ts'
import type { Census } from './wire/census.ts'
import type { ChatEvent, ChatMessage, ChatRequest } from './wire/chat.ts'
import { MESH_SAMPLE_MS } from './wire/limits/mesh.ts'
import type { PairWish, PairWord } from './wire/pairings.ts'
import type { PartnerKey } from './wire/partner-keys.ts'
import { fail, ok, type Result } from './wire/result.ts'
import type { RoomId } from './wire/rooms.ts'

/** What it needs of the rest of the app: the models, and the engines that the person's own chat uses. */
export interface OwnModels extends Pick<GivingParts, 'runner' | 'inChat' | 'sourceOf'> {
  readonly entryOf: (key: string) => ModelEntry | undefined
}

export class AppMesh {
  readonly #parts: MeshParts
  readonly #preferences: PreferenceStore
  readonly #entryOf: (key: string) => ModelEntry | undefined
  readonly #giving: MeshGiving
  readonly #meter = new MeshMeter()
  readonly #routed: MeshAsking
  /** Makes, joins and leaves rooms. */
  readonly rooms: MeshRooms
  readonly devices: MeshDevices
  /** Whole answers by one other tab. */
  readonly jobs: MeshJobs
  readonly credits: WalletDoor
  /** Hears of the pairing that this tab is in. */
  onPair: (word: PairWord) => void = () => {}
  #joining: Promise<Result<JoinedMesh>> | null = null
  #joined: JoinedMesh | null = null
  #signal: MeshView['signal'] = { state: 'off' }
  #census: Census | null = null
  #rooms: MeshView['rooms'] = []
  #account: MeshView['account'] = null
  #announcements: MeshView['announcements'] = []
  /** By who looks; undefined follows what the person chose. */
  readonly #lookers = new Map<string, RoomId | null | undefined>()
  #links: MeshView['links'] = []
  #rest: (() => void) | null = null
  readonly #shown: Shown<MeshView>

  constructor(parts: MeshParts | null, preferences: PreferenceStore, own: OwnModels) {
    this.#parts = parts ?? ALONE
    this.#preferences = preferences
    this.#entryOf = own.entryOf
    this.#giving = new MeshGiving({
      ...this.#parts,
      ...own,
      settings: () => this.#settings,
      join: () => this.#join(),
      joined: () => this.#joined,
      rates: () => this.#meter.rates,
      changed: () => this.#changed(),
      wokeUp: () => this.set({ keepAwake: false }),
    })
    this.#routed = new MeshAsking({
      entryOf: own.entryOf,
      join: () => this.#joinAllowed(),
      joined: () => this.#joined,
      nowMs: this.#parts.nowMs,
      changed: () => this.#changed(),
    })
    this.rooms = new MeshRooms({
      consent: () => this.#settings.consent,
      join: () => this.#join(),
      left: (id) => this.#leftRoom(id),
    })
    this.devices = new MeshDevices({
      consent: () => this.#settings.consent,
      join: () => this.#join(),
      every: this.#parts.every,
      waits: () => this.#account?.request != null,
    })
    this.jobs = new MeshJobs({
      entryOf: own.entryOf,
      join: () => this.#joinAllowed(),
      count: (key, messages, signal) => this.count(key, messages, signal),
      changed: () => this.#changed(),
    })
    this.credits = new WalletDoor({ ...this.#parts, ...own, mesh: this, join: () => this.#joinAllowed() })
    this.#shown = new Shown(this.#compose())
  }

  get view(): MeshView {
    return this.#shown.view
  }

  /** Calls back at once and after every change. Returns how to stop. */
  subscribe(listener: (view: MeshView) => void): () => void {
    return this.#shown.subscribe(listener)
  }

  /** `consent` is what lets anything connect; taken back, the tab leaves the mesh. */
  set(change: Partial<MeshSettings>): void {
    this.#preferences.set({ mesh: { ...this.#settings, ...change } })
    if (change.consent === false) void this.close()
    else if (this.#looking && this.#settings.consent) void this.#join()
    if (change.relayOnly !== undefined) this.#joined?.node.server.tell()
    this.#giving.settle(change)
    if (change.room !== undefined) this.#stayWithin()
    this.#changed()
  }

  /** What this browser tells of its device. */
  get means(): GivingMeans {
    return this.#parts.means
  }

  /** Asks the person to let the browser tell of the whole device; only inside a press. Sets `watchDevice` to the answer. */
  async watchDevice(): Promise<void> {
    this.set({ watchDevice: await this.#parts.askDeviceActivity() })
  }

  /** How it would be given now, and why. */
  givingPlan(entry: ModelEntry): GivingPlan {
    return givingPlanOf(entry, this.#settings, this.#census)
  }

  /**
   * Gives a model, whole answers or layers, until it is stopped. Resolves when it is given, or it rests. Refusals:
   * `consent-missing`, `model-unknown`, those of the plan, of the server, of the load and of the engine.
   */
  async contribute(key: string): Promise<Result<null>> {
    const entry = this.#entryOf(key)
    if (!this.#settings.consent) return this.#giving.refuse(fail('consent-missing', ''))
    if (!entry) return this.#giving.refuse(fail('model-unknown', ''))
    const { choice, layers } = this.givingPlan(entry)
    return choice.ok ? this.#giving.start(entry, choice.value.way, layers) : this.#giving.refuse(choice)
  }

  /** Frees the GPU; `resume` goes on with the same model. */
  pause(): Promise<void> {
    return this.#giving.pause()
  }

  resume(): Promise<void> {
    return this.#giving.resume()
  }

  /** At once: askers are told, and their answers go on elsewhere. */
  stop(): Promise<void> {
    return this.#giving.stop()
  }

  /**
   * Who wants to know who is here: a screen of the mesh, a chat that others may answer. Joins where that is allowed.
   * `room`: its members, or everybody (null); by default what the person chose. The last who came is told.
   */
  look(on: boolean, who: 'network' | 'chat' | 'contribute' = 'network', room?: RoomId | null): void {
    this.#lookers.delete(who)
    if (on) this.#lookers.set(who, room)
    // Nobody tells any more: what was true is not known to be.
    if (!this.#looking) this.#census = null
    this.#stayWithin()
    if (on && this.#settings.consent) void this.#join()
    this.#changed()
  }

  /** One answer over other peers' layers: of members of `room`, or of anyone. Keeps the promise of `ChatEngine.chat`: one `end`, always last. */
  ask(
    key: string,
    request: ChatRequest,
    signal: AbortSignal,
    { privateEnds, room }: Pick<MeshSettings, 'privateEnds' | 'room'> = this.#settings,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    return this.#routed.ask(key, request, signal, { privateEnds, room })
  }

  /** What an answer over others needs here: the words of the model. Refusals: `consent-missing`, those of the load. */
  ready(key: string, signal: AbortSignal): Promise<Result<WorkerHead>> {
    return this.#routed.ready(key, signal)
  }

  /** As `ChatEngine.count`, once `ready`. */
  count(key: string, messages: readonly ChatMessage[], signal: AbortSignal): Promise<Result<number>> {
    return this.#routed.count(key, messages, signal)
  }

  /** As `PairWish` has it; what comes back is not parsed here. Refusals: `consent-missing`, those of the server. */
  async pair(wish: PairWish): Promise<Result<unknown>> {
    const joined = await this.#joinAllowed()
    return joined.ok ? joined.value.node.server.pair(wish) : joined
  }

  /** The name of the site that a partner key is of. Connects nothing. Refusals: those of `lookAtPartner`. */
  siteOf(key: PartnerKey): Promise<Result<string>> {
    return this.#parts.siteOf(key)
  }

  /** Leaves the mesh; a later wish joins it anew. */
  async close(): Promise<void> {
    await this.#giving.stop()
    const joined = this.#joined
    this.#joined = null
    this.#joining = null
    this.#signal = { state: 'off' }
    this.#census = null
    this.#links = []
    this.#rooms = []
    this.#account = null
    this.#announcements = []
    this.#routed.forget()
    this.#changed()
    await joined?.leave()
  }

  get #looking(): boolean {
    return this.#lookers.size > 0
  }

  /** The room that is looked at, or everybody: as the last who came wants it. */
  get #sight(): RoomId | null {
    const seen = [...this.#lookers.values()].at(-1)
    return seen === undefined ? this.#settings.room : seen
  }

  get #settings(): MeshSettings {
    return this.#preferences.value.mesh
  }

  async #joinAllowed(): Promise<Result<JoinedMesh>> {
    return this.#settings.consent ? this.#join() : fail('consent-missing', '')
  }

  /** Once, however many want it. */
  #join(): Promise<Result<JoinedMesh>> {
    if (this.#joining !== null) return this.#joining
    const joining: Promise<Result<JoinedMesh>> = this.#parts.join(this.#hooks(() => this.#joining === joining)).then(
      async (joined) => {
        if (this.#joining !== joining) {
          // Left in the meantime.
          await joined.leave()
          return fail('aborted', '')
        }
        this.#joined = joined
        joined.node.server.onPair = (word) => this.onPair(word)
        this.#stayWithin()
        void this.credits.arrive()
        this.#changed()
        return ok(joined)
      },
      (error: unknown) => {
        const reason = fail('source-unreachable', error instanceof Error ? error.message : '')
        if (this.#joining !== joining) return reason
        this.#joining = null
        this.#signal = { state: 'away', reason, final: true }
        this.#changed()
        return reason
      },
    )
    this.#joining = joining
    this.#signal = { state: 'connecting' }
    this.#changed()
    return joining
  }

  /** `isCurrent`: what a mesh that was left still says is of no interest. */
  #hooks(isCurrent: () => boolean): MeshHooks {
    const hear = (change: () => void) => {
      if (!isCurrent()) return
      change()
      this.#changed()
    }
    return {
      relayOnly: () => this.#settings.relayOnly,
      donor: () => this.#settings.donor,
      onSignal: (state) =>
        hear(() => {
          this.#signal = state
        }),
      onCensus: (census) =>
        hear(() => {
          // Told before the tab looked elsewhere: it is no answer to what is asked now.
          if (census.room === this.#sight) this.#census = census
        }),
      onRooms: (rooms) =>
        hear(() => {
          const { room } = this.#settings
          const had = this.#rooms.some(({ id }) => id === room)
          this.#rooms = rooms
          // Left in another tab, or taken out by its owner.
          const has = rooms.some(({ id, state }) => id === room && state !== 'removed')
          if (room !== null && had && !has) void this.#leftRoom(room)
        }),
      onAccount: (account) =>
        hear(() => {
          this.#account = account
        }),
      onAnnouncements: (announcements) =>
        hear(() => {
          this.#announcements = announcements
        }),
      onContribution: (state) => hear(() => this.#giving.hear(state)),
      onJobs: () => hear(() => this.#giving.hearJobs()),
      onRoute: (request, word) => hear(() => this.#routed.hear(request, word)),
    }
  }

  /** What is given and looked at stays within the room that the person chose. */
  #stayWithin(): void {
    const { room } = this.#settings
    this.#joined?.within(room)
    if (this.#census?.room !== this.#sight) this.#census = null
    this.#joined?.node.server.look(this.#looking && (this.#sight ?? true))
  }

  /** Who leaves the room that they gave to gives to nobody, rather than to everybody. */
  async #leftRoom(id: RoomId): Promise<void> {
    if (this.#settings.room !== id) return
    await this.#giving.stop()
    this.set({ room: null })
  }

  /** One timer, while there is something to measure and somebody to show it to. */
  #measure(): void {
    const wanted = this.#joined !== null && (this.#looking || this.#giving.serving)
    if (wanted) this.#rest ??= this.#parts.every(MESH_SAMPLE_MS, () => void this.#sample())
    else {
      this.#rest?.()
      this.#rest = null
    }
  }

  async #sample(): Promise<void> {
    const joined = this.#joined
    if (!joined) return
    const { links } = joined.node
    this.#routed.time()
    const given = joined.contribution.positions + joined.jobs.counts.tokens
    this.#meter.add(given, links.map(countOf), this.#parts.nowMs())
    const seen = await Promise.all(links.map(linkView))
    if (this.#joined !== joined) return
    this.#links = seen
    this.#changed()
  }

  #compose(): MeshView {
    return {
      settings: this.#settings,
      signal: this.#signal,
      self: this.#joined?.node.peer ?? null,
      contribution: this.#giving.view,
      links: this.#links,
      routes: this.#routed.routes,
      asking: this.#routed.asking || this.jobs.asking,
      census: this.#census,
      rooms: this.#rooms,
      account: this.#account,
      announcements: this.#announcements,
    }
  }

  #changed(): void {
    this.#measure()
    this.#shown.show(this.#compose())
  }
}
