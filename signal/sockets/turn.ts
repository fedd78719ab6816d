/**
 * The STUN and TURN servers that tabs are told of. TURN credentials last for a day: the name is the time when they end and
 * whom they are for, the password its HMAC with a secret that only this server and the TURN server have. Source: "A REST API
 * for Access to TURN Services" (draft-uberti-behave-turn-rest-00), `use-auth-secret` of coturn.
 */
import { createHmac } from 'node:crypto'
import { TURN_CREDENTIAL_MS } from '../../web/wire/limits/mesh.ts'
import type { PeerId } from '../../web/wire/peers.ts'
import type { IceServer } from '../../web/wire/signal-events.ts'

export interface IceConfig {
  /** `stun:host:port`; null for none. */
  readonly stunUrl: string | null
  readonly turn: { readonly url: string; readonly secret: string } | null
}

export function iceServersFor({ stunUrl, turn }: IceConfig, peer: PeerId, nowMs: number): readonly IceServer[] {
  const stun = stunUrl === null ? [] : [{ urls: stunUrl }]
  if (!turn) return stun
  // coturn reads up to the colon; a peer id has one too, so it is taken out.
  const username = `${Math.floor((nowMs + TURN_CREDENTIAL_MS) / 1000)}:${peer.replaceAll(':', '.')}`
  const credential = createHmac('sha1', turn.secret).update(username).digest('base64')
  return [...stun, { urls: turn.url, username, credential }]
}
