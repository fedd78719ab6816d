/** The part of simple-peer 9.11.1 that `link-webrtc.ts` uses. Its build for browsers is one file without types. */
declare module 'simple-peer/simplepeer.min.js' {
  export interface SimplePeerOptions {
    readonly initiator: boolean
    readonly trickle: boolean
    readonly config: RTCConfiguration
    readonly channelName: string
    readonly channelConfig: RTCDataChannelInit
  }

  export default class SimplePeer {
    constructor(options: SimplePeerOptions)
    /** Its connection and its channel, for what it has no word for; null after `destroy`. */
    readonly _pc: RTCPeerConnection | null
    readonly _channel: RTCDataChannel | null
    send(bytes: Uint8Array): void
    signal(data: unknown): void
    /** Offers again; of the side that called. */
    negotiate(): void
    destroy(error?: Error): void
    on(event: 'signal', listener: (data: unknown) => void): void
    on(event: 'connect' | 'close', listener: () => void): void
    on(event: 'data', listener: (bytes: Uint8Array) => void): void
    on(event: 'error', listener: (error: Error & { readonly code?: string }) => void): void
  }
}
