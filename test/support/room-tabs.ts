/**
 * Tabs that know rooms, over a real signalling server: the product's own client, keys and rooms, without links. What a tab
 * shows stands in `view`.
 */
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, vi } from 'vitest'
import { type AccountStore, MemoryAccountStore } from '../../signal/accounts/store.ts'
import type { ClusterWay } from '../../signal/cluster/cluster.ts'
import { Accounts } from '../../signal/sockets/accounts.ts'
import { Hub, type HubParts } from '../../signal/sockets/hub.ts'
import { TicketMint } from '../../signal/sockets/tickets.ts'
import { DeviceKey, makeKey, verifySigned } from '../../web/account/device-key.ts'
import { MyRooms } from '../../web/account/my-rooms.ts'
import { BROWSER_ROOM_CRYPTO, type RoomCrypto } from '../../web/account/room.ts'
import { MemoryRoomShelf, type RoomShelf } from '../../web/account/room-shelf.ts'
import type { RoomView } from '../../web/account/room-view.ts'
import { SignalClient } from '../../web/mesh/signal-client.ts'
import type { Census } from '../../web/wire/census.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import type { RoomWord } from '../../web/wire/room-events.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import type { Relayed } from '../../web/wire/signal-events.ts'
import { NO_CREDITS } from './no-credits.ts'
import { noRates, quietWatch } from './quiet-watch.ts'

export const ROOM_CRYPTO: RoomCrypto = { verify: verifySigned, ...BROWSER_ROOM_CRYPTO }
export const randomBytes = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
export const newKey = async () => DeviceKey.of(await makeKey())
export const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000 })

/** Of one browser: what a tab puts, its other tabs hear of. */
class TabShelf implements RoomShelf {
  readonly #kept: RoomShelf
  readonly #tabs: Set<TabShelf>
  readonly #listeners = new Set<() => void>()
  /** News of other tabs have not come yet. */
  isDeaf = false

  constructor(kept: RoomShelf = new MemoryRoomShelf(), tabs = new Set<TabShelf>()) {
    this.#kept = kept
    this.#tabs = tabs.add(this)
  }

  beside(): TabShelf {
    return new TabShelf(this.#kept, this.#tabs)
  }

  all: RoomShelf['all'] = () => this.#kept.all()
  put: RoomShelf['put'] = (room) => this.#kept.put(room).then(() => this.#tell())
  change: RoomShelf['change'] = (id, change) => this.#kept.change(id, change).then(() => this.#tell())
  drop: RoomShelf['drop'] = (id) => this.#kept.drop(id).then(() => this.#tell())

  hear(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(): void {
    for (const tab of this.#tabs) if (tab !== this && !tab.isDeaf) for (const listener of tab.#listeners) listener()
  }
}

export interface RoomTab {
  readonly client: SignalClient
  readonly rooms: MyRooms
  readonly key: DeviceKey
  readonly shelf: TabShelf
  /** What the server says of rooms goes through here first. */
  hear: (word: RoomWord) => void
  readonly censuses: readonly Census[]
  readonly relayed: readonly Relayed[]
  view(id: RoomId): RoomView | undefined
}

export class RoomServer {
  /** Moved by the test. */
  nowMs: number
  readonly #clients: SignalClient[] = []
  readonly #server: HttpServer
  readonly hub: Hub

  /** How often it has looked at what the operator ruled. */
  looks = 0

  private constructor(
    server: HttpServer,
    mint: TicketMint,
    accounts: Accounts,
    nowMs: number,
    way: ClusterWay | null,
    credits: HubParts['credits'],
  ) {
    this.nowMs = nowMs
    this.#server = server
    this.hub = new Hub({
      server,
      mint,
      credits,
      accounts,
      iceServers: () => [],
      nowMs: () => this.nowMs,
      proxies: 0,
      watch: quietWatch(),
      connects: noRates(),
      way,
      rulings: {
        announcements: [],
        sanctionOf: () => null,
        look: async () => {
          this.looks += 1
        },
      },
    })
  }

  /** `store`: of accounts; what one server has kept another one finds. `way`: to others like it. */
  static async start(
    store: AccountStore = new MemoryAccountStore(),
    way: ClusterWay | null = null,
    credits: HubParts['credits'] = NO_CREDITS,
  ): Promise<RoomServer> {
    const server = createServer()
    const nowMs = 1_700_000_000_000
    const [mint, accounts] = [await TicketMint.create(() => nowMs), await Accounts.open(store)]
    const own = new RoomServer(server, mint, accounts, nowMs, way, credits)
    await own.hub.joined()
    await new Promise<void>((done) => server.listen(0, done))
    return own
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Here and proven. `port`: of what stands before it. The same key and shelf: another tab of the same browser. */
  async tab(key?: DeviceKey, beside?: TabShelf, port = this.port, partner: PartnerKey | null = null): Promise<RoomTab> {
    const shelf = beside?.beside() ?? new TabShelf()
    const own = key ?? (await newKey())
    const censuses: Census[] = []
    const relayed: Relayed[] = []
    let views: readonly RoomView[] = []
    let rooms: MyRooms | null = null
    let tab: RoomTab | null = null
    let isHere = false
    const client = new SignalClient({
      url: `http://localhost:${port}`,
      key: own,
      run: toBase64Url(randomBytes(16)),
      nowMs: () => this.nowMs,
      onState: ({ state }) => {
        isHere = state === 'here'
        if (isHere) void rooms?.arrive()
      },
      onRelayed: (word) => relayed.push(word),
      partner,
      onCensus: (census) => censuses.push(census),
      onRoom: (word) => tab?.hear(word),
    })
    this.#clients.push(client)
    rooms = await MyRooms.open({
      key: own,
      shelf,
      crypto: ROOM_CRYPTO,
      random: randomBytes,
      nowMs: () => this.nowMs,
      say: (wish) => client.room(wish),
      onChange: (changed) => {
        views = changed
      },
      onRemovals: () => {},
    })
    const opened = rooms
    const view = (id: RoomId) => views.find((one) => one.id === id)
    tab = { client, rooms, key: own, shelf, censuses, relayed, view, hear: (word) => void opened.hear(word) }
    await until(() => isHere)
    await rooms.arrive()
    return tab
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.hub.close()
  }
}

/** How many are in the room, as a tab knows it. */
export const isIn = (tab: RoomTab, id: RoomId, people: number) =>
  until(() => tab.view(id)?.state === 'in' && tab.view(id)?.people.length === people)
