/**
 * A far network on one machine: UDP between two browsers goes through here and is delayed, jittered and lost, in both
 * directions. The browsers' own ICE, DTLS and SCTP run through it. `viaRelay` has a page send to a port of the relay in
 * the place of each address that a peer announced; what comes back comes from there, as through a NAT.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { BrowserContext } from 'playwright'
import { Random } from '../fixtures/random.ts'

export interface Network {
  /** There and back. */
  readonly rttMs: number
  /** Added to each packet, evenly between 0 and this. */
  readonly jitterMs: number
  /** Of packets, 0 to 100. */
  readonly lossPercent: number
}

/** For `launchChromium`: addresses as they are, instead of names that only this browser knows. */
export const RELAY_FLAGS: readonly string[] = ['--disable-features=WebRtcHideLocalIpsWithMdns']

const HOST = '127.0.0.1'

interface Target {
  readonly host: string
  readonly port: number
}

/** From one source to one target, and back. */
interface Flow {
  readonly socket: Socket
  readonly source: string
}

export class UdpRelay {
  readonly #network: Network
  readonly #random: Random
  readonly #ports = new Map<string, Promise<number>>()
  readonly #sockets: Socket[] = []
  readonly #timers = new Set<ReturnType<typeof setTimeout>>()
  /** On their way from one address to another, oldest first: jitter delays packets, it does not shuffle them. */
  readonly #ways = new Map<string, (() => void)[]>()
  /** Addresses by tab, as its packets come from them. */
  readonly #addresses = new Map<string, Set<string>>()
  readonly #dropped = new Set<string>()

  constructor(network: Network, seed = 1) {
    this.#network = network
    this.#random = new Random(seed)
  }

  /** The port where this tab sends what is for that address. */
  port(tab: string, target: Target): Promise<number> {
    const key = `${tab} ${nameOf(target)}`
    const known = this.#ports.get(key) ?? this.#open(tab, target)
    this.#ports.set(key, known)
    return known
  }

  /** An address that this tab has announced: others may be the first to use it. */
  owns(tab: string, address: Target): void {
    this.#belongs(tab, nameOf(address))
  }

  /** Nothing to or from this tab passes any more. */
  drop(tab: string): void {
    this.#dropped.add(tab)
  }

  /** Packets of this tab pass again. */
  restore(tab: string): void {
    this.#dropped.delete(tab)
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets) socket.close()
    this.#sockets.length = 0
  }

  async #open(tab: string, target: Target): Promise<number> {
    const front = await this.#bind()
    const flows = new Map<string, Promise<Flow>>()
    front.on('message', async (packet, from) => {
      const source = nameOf(from)
      this.#belongs(tab, source)
      const known = flows.get(source) ?? this.#flow(front, from, target)
      flows.set(source, known)
      const { socket } = await known
      this.#later(source, nameOf(target), () => socket.send(packet, target.port, target.host))
    })
    return front.address().port
  }

  async #flow(front: Socket, from: RemoteInfo, target: Target): Promise<Flow> {
    const socket = await this.#bind()
    const source = nameOf(from)
    socket.on('message', (packet) => {
      this.#later(nameOf(target), source, () => front.send(packet, from.port, from.address))
    })
    return { socket, source }
  }

  #later(from: string, to: string, send: () => void): void {
    const { rttMs, jitterMs, lossPercent } = this.#network
    if (this.#random.uniform() * 100 < lossPercent || this.#isDropped(from) || this.#isDropped(to)) return
    const key = `${from} ${to}`
    const way = this.#ways.get(key) ?? []
    this.#ways.set(key, way)
    way.push(send)
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        const oldest = way.shift()
        if (this.#sockets.length > 0) oldest?.()
      },
      rttMs / 2 + this.#random.uniform() * jitterMs,
    )
    this.#timers.add(timer)
  }

  #isDropped(address: string): boolean {
    for (const tab of this.#dropped) if (this.#addresses.get(tab)?.has(address)) return true
    return false
  }

  #belongs(tab: string, address: string): void {
    const known = this.#addresses.get(tab) ?? new Set()
    known.add(address)
    this.#addresses.set(tab, known)
  }

  #bind(): Promise<Socket> {
    const socket = createSocket('udp4')
    this.#sockets.push(socket)
    // A browser that is gone answers with an error that nobody needs.
    socket.on('error', () => {})
    return new Promise((resolve) => socket.bind(0, undefined, () => resolve(socket)))
  }
}

function nameOf(address: Target | RemoteInfo): string {
  return 'host' in address ? `${address.host}:${address.port}` : `${address.address}:${address.port}`
}

/** Before the first page of the context. `tab` names it for `drop`. */
export async function viaRelay(context: BrowserContext, relay: UdpRelay, tab: string): Promise<void> {
  await context.exposeFunction('weftRelayPort', (host: string, port: number) => relay.port(tab, { host, port }))
  await context.exposeFunction('weftRelayOwn', (host: string, port: number) => relay.owns(tab, { host, port }))
  // Text, not a function: what a TypeScript runner adds to functions does not exist in the page.
  await context.addInitScript(`(() => {
    const { RTCPeerConnection: Connection } = window
    window.RTCPeerConnection = class extends Connection {
      constructor(...given) {
        super(...given)
        this.addEventListener('icecandidate', ({ candidate }) => {
          if (candidate?.protocol === 'udp') void window.weftRelayOwn(candidate.address, candidate.port)
        })
      }
    }
    const { addIceCandidate, setRemoteDescription } = RTCPeerConnection.prototype
    RTCPeerConnection.prototype.addIceCandidate = async function (given) {
      const parts = (given?.candidate ?? '').split(' ')
      // Foundation, component, transport, priority, address, port.
      if (parts.length < 6) return addIceCandidate.call(this, given)
      if (parts[2].toLowerCase() !== 'udp' || parts[4].includes(':')) return
      parts[5] = String(await window.weftRelayPort(parts[4], Number(parts[5])))
      parts[4] = '${HOST}'
      const { sdpMid, sdpMLineIndex, usernameFragment } = given
      return addIceCandidate.call(this, { candidate: parts.join(' '), sdpMid, sdpMLineIndex, usernameFragment })
    }
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
      const lines = sdp.split('\\r\\n').filter((line) => !line.startsWith('a=candidate:'))
      return setRemoteDescription.call(this, { type, sdp: lines.join('\\r\\n') })
    }
  })()`)
}
