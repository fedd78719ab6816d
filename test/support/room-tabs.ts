/**
 * Tabs that know rooms, over a real signalling server: the product's own client, keys and rooms, without links. What a tab
 * shows stands in `view`.
 */
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, vi } from 'vitest'
import { Hub } from '../../signal/sockets/hub.ts'
import { TicketMint } from '../../signal/sockets/tickets.ts'
import { DeviceKey, makeKey, verifySigned } from '../../web/account/device-key.ts'
import { MyRooms, type RoomView } from '../../web/account/my-rooms.ts'
import { BROWSER_ROOM_CRYPTO, type RoomCrypto } from '../../web/account/room.ts'
import { MemoryRoomShelf, type RoomShelf } from '../../web/account/room-shelf.ts'
import { SignalClient } from '../../web/mesh/signal-client.ts'
import type { Census } from '../../web/wire/census.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import type { RoomId } from '../../web/wire/rooms.ts'

export const ROOM_CRYPTO: RoomCrypto = { verify: verifySigned, ...BROWSER_ROOM_CRYPTO }
export const randomBytes = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
export const newKey = async () => DeviceKey.of(await makeKey())
export const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000 })

export interface RoomTab {
  readonly client: SignalClient
  readonly rooms: MyRooms
  readonly key: DeviceKey
  readonly shelf: RoomShelf
  readonly censuses: readonly Census[]
  view(id: RoomId): RoomView | undefined
}

export class RoomServer {
  /** Moved by the test. */
  nowMs: number
  readonly #clients: SignalClient[] = []
  readonly #server: HttpServer
  readonly hub: Hub

  private constructor(server: HttpServer, mint: TicketMint, nowMs: number) {
    this.nowMs = nowMs
    this.#server = server
    this.hub = new Hub({ server, mint, iceServers: () => [], nowMs: () => this.nowMs })
  }

  static async start(): Promise<RoomServer> {
    const server = createServer()
    const nowMs = 1_700_000_000_000
    const own = new RoomServer(server, await TicketMint.create(() => nowMs), nowMs)
    await new Promise<void>((done) => server.listen(0, done))
    return own
  }

  /** Here and proven. The same key and shelf: another tab of the same browser. */
  async tab(key?: DeviceKey, shelf: RoomShelf = new MemoryRoomShelf()): Promise<RoomTab> {
    const own = key ?? (await newKey())
    const censuses: Census[] = []
    let views: readonly RoomView[] = []
    let rooms: MyRooms | null = null
    let isHere = false
    const client = new SignalClient({
      url: `http://localhost:${(this.#server.address() as AddressInfo).port}`,
      key: own,
      run: toBase64Url(randomBytes(16)),
      nowMs: () => this.nowMs,
      onState: ({ state }) => {
        isHere = state === 'here'
        if (isHere) void rooms?.arrive()
      },
      onRelayed: () => {},
      onCensus: (census) => censuses.push(census),
      onRoom: (word) => void rooms?.hear(word),
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
    })
    await until(() => isHere)
    await rooms.arrive()
    return { client, rooms, key: own, shelf, censuses, view: (id) => views.find((view) => view.id === id) }
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.hub.close()
  }
}

/** How many are in the room, as a tab knows it. */
export const isIn = (tab: RoomTab, id: RoomId, people: number) =>
  until(() => tab.view(id)?.state === 'in' && tab.view(id)?.people.length === people)
