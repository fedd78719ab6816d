/**
 * What is read from a peer or the server: a valid value or a few of each kind, with its parser. What the fuzz begins from.
 */
import { parseCensus, parseLook } from '../../web/wire/census.ts'
import { parseJobNews, parseJobWish, parseJobWord } from '../../web/wire/jobs.ts'
import { parsePairOffer, parsePairTaken, parsePairWish, parsePairWord } from '../../web/wire/pairings.ts'
import { parseAssigned, parseAssignWish, parsePlan, parsePlanWish } from '../../web/wire/plan-events.ts'
import type { Result } from '../../web/wire/result.ts'
import { parseRoomWish, parseRoomWord } from '../../web/wire/room-events.ts'
import {
  parseChallenge,
  parsePresence,
  parseProof,
  parseRelayed,
  parseRelayWish,
  parseWelcome,
} from '../../web/wire/signal-events.ts'
import { parseTicketClaims, parseTicketKeys } from '../../web/wire/tickets.ts'

const PEER = `ed25519:${'A'.repeat(43)}/${'r'.repeat(22)}`
const MODEL = 'a'.repeat(64)
const REQUEST = '0123456789abcdef'.repeat(2)
const SPAN = { first: 0, last: 2 }
const SEALED = { call: 'c'.repeat(22), kind: 'offer', text: 'v=0', signature: 'A'.repeat(86) }
const KEYS = [{ kid: 'k', kty: 'OKP', crv: 'Ed25519', x: 'x' }]
const SAMPLER = { temperature: 1, topK: 40, topP: 1, minP: 0, repetitionPenalty: 1, seed: '00000000000000ff' }
const PLACE = { span: SPAN, before: null, after: PEER, head: PEER, tail: PEER }
const ABOUT = { request: REQUEST, epoch: 1 }
const RANGE = { span: SPAN, holders: 1, msPerLayer: 2 }
export const HELD = { modelId: MODEL, span: SPAN, msPerLayer: 1, freePositions: 8, queued: 0 }

const OFFER = {
  modelId: MODEL,
  engine: 'stage',
  kinds: ['chat', 'embedding'],
  positions: 4_096,
  promptTokensMax: 4_096,
  answerTokensMax: 4_096,
  tokensPerSecond: 20.5,
  prefillTokensPerSecond: null,
  parallel: 2,
  held: 1,
  heldTokens: 64,
}
const SCORE = { queueMs: 1, prefillMs: 2.5, decodeMs: 3, roundTripMs: 4 }
const CHAT = { offers: 1, free: 1, tokensPerSecond: 9.5, firstMs: 40 }
const WHOLE = { offers: 2, tokensPerSecond: 9.5, chat: CHAT }
const WORKER = { peer: PEER, engine: 'stage', ticket: 't', positions: 640, score: SCORE }
const WISH = { job: REQUEST, kind: 'chat', class: 'batch', modelId: MODEL, layers: 4, promptTokens: 9, maxTokens: 64 }

const [KEY, ROOM] = [PEER.split('/')[0], 'o'.repeat(22)]
const MEMBERSHIP = { room: ROOM, owner: KEY, key: KEY, untilMs: 5, listNumber: 1, signature: 'A'.repeat(86) }
const WINDOW = { giving: 'serving', model: 'Tiny', tokens: 7 }
const REMOVED = [{ key: KEY, number: 1, untilMs: 5 }]
const REMOVALS = { room: ROOM, owner: KEY, number: 2, removed: REMOVED, signature: 'A'.repeat(86) }

/** Of tabs to each other. */
export const WORDS: readonly unknown[] = [
  { says: 'member', room: ROOM, membership: MEMBERSHIP, removals: REMOVALS },
  { says: 'open', ...ABOUT, ticket: 't', place: PLACE, positions: 64, sampler: SAMPLER },
  { says: 'truncate', ...ABOUT, position: 3, sampler: SAMPLER, place: PLACE },
  { says: 'feed', ...ABOUT, position: 3 },
  { says: 'rest', ...ABOUT },
  { says: 'renew', ...ABOUT, kept: 'f'.repeat(32), ticket: 't', salt: 'A'.repeat(22) },
  { says: 'close', request: REQUEST },
  { says: 'opened', ...ABOUT },
  { says: 'held', ...ABOUT, position: 3 },
  { says: 'refused', ...ABOUT, by: PEER, code: 'kv-full', detail: '' },
  { says: 'alive' },
  { says: 'alive', frameMs: 1.5, at: [{ ...ABOUT, got: 4, passed: 3 }] },
  { says: 'ping', id: 7 },
  {
    says: 'job-open',
    ...ABOUT,
    ticket: 't',
    modelId: MODEL,
    layers: 4,
    kind: 'chat',
    class: 'interactive',
    positions: 64,
    inputBytes: 9,
  },
  { says: 'job-ack', ...ABOUT, parts: 16 },
  { says: 'job-cancel', ...ABOUT },
  { says: 'job-held', ...ABOUT, ahead: 1, waitMs: null, owner: false },
  { says: 'job-begun', ...ABOUT },
]

/** Parsers of values, each with values that it reads. */
export const EVENTS: Readonly<Record<string, readonly [(value: unknown) => Result<unknown>, readonly unknown[]]>> = {
  challenge: [parseChallenge, [{ nonce: 'n', server: 'weft.test', protocols: { min: 1, max: 1 } }]],
  proof: [
    parseProof,
    [{ protocol: 1, key: PEER.split('/')[0], run: 'r'.repeat(22), signature: 'A'.repeat(86), resume: null }],
  ],
  welcome: [
    parseWelcome,
    [{ resume: 'r', timeMs: 1, ticketKeys: KEYS, iceServers: [{ urls: 'stun:a', username: 'u', credential: 'c' }] }],
  ],
  presence: [
    parsePresence,
    [
      {
        numericClass: 'a',
        visible: true,
        held: [HELD],
        offers: [OFFER],
        relayOnly: false,
        near: [{ peer: PEER, roundTripMs: 4.5 }],
      },
    ],
  ],
  'relay wish': [parseRelayWish, [{ to: PEER, sealed: SEALED }]],
  relayed: [parseRelayed, [{ from: PEER, sealed: SEALED }]],
  'plan wish': [
    parsePlanWish,
    [
      { request: REQUEST, modelId: MODEL, layers: 4, positions: 64, avoid: [PEER] },
      {
        ...{ request: REQUEST, modelId: MODEL, layers: 4, positions: 64, avoid: [] },
        pays: { activeParameters: 9, promptTokens: 8, outputTokens: 7, reusedTokens: 6 },
        again: [{ span: SPAN, peer: PEER }],
      },
    ],
  ],
  plan: [
    parsePlan,
    [
      {
        stages: [{ span: SPAN, peer: PEER, ticket: 't', standby: { peer: PEER, ticket: 't' } }],
        predictedMs: 1,
        oneClass: true,
      },
    ],
  ],
  'assign wish': [parseAssignWish, [{ modelId: MODEL, layers: 4, layersMax: 2, adapter: 'a' }]],
  assigned: [parseAssigned, [{ span: SPAN, numericClass: null }]],
  'job wish': [parseJobWish, [{ ...WISH, room: ROOM, avoid: [PEER] }]],
  'job word': [
    parseJobWord,
    [
      { job: REQUEST, state: 'leased', workers: [WORKER] },
      { job: REQUEST, state: 'queued', ahead: 3, waitMs: 1.5 },
      { job: REQUEST, state: 'expired', code: 'job-expired' },
    ],
  ],
  'job news': [
    parseJobNews,
    [
      { job: REQUEST, state: 'running', worker: PEER, tokens: 7, code: null },
      { job: REQUEST, state: 'failed', worker: null, tokens: 0, code: 'link-closed' },
    ],
  ],
  'room wish': [
    parseRoomWish,
    [
      { kind: 'enter', membership: MEMBERSHIP, removals: REMOVALS },
      { kind: 'removals', removals: REMOVALS },
      { kind: 'quit', room: ROOM },
      { kind: 'knock', room: ROOM, proof: `${'A'.repeat(42)}A` },
      { kind: 'answer', room: ROOM, to: PEER, membership: MEMBERSHIP, removals: null },
    ],
  ],
  'room word': [
    parseRoomWord,
    [
      { kind: 'members', room: ROOM, members: [{ peer: PEER, membership: MEMBERSHIP }] },
      { kind: 'knock', room: ROOM, from: PEER, proof: `${'A'.repeat(42)}A` },
      { kind: 'answer', room: ROOM, membership: MEMBERSHIP, removals: REMOVALS },
      { kind: 'removals', room: ROOM, removals: REMOVALS },
    ],
  ],
  'pair wish': [
    parsePairWish,
    [{ kind: 'offer' }, { kind: 'take', code: '0123456789AB' }, { kind: 'say', window: WINDOW }, { kind: 'stop' }],
  ],
  'pair word': [parsePairWord, [{ kind: 'paired' }, { kind: 'state', window: WINDOW }]],
  'pair offer': [parsePairOffer, [{ code: '0123456789AB', untilMs: 5 }]],
  'pair taken': [parsePairTaken, [{ site: 'Garden' }]],
  look: [parseLook, [true]],
  census: [
    parseCensus,
    [
      {
        room: null,
        peers: 3,
        models: [{ modelId: MODEL, ranges: [RANGE], whole: WHOLE }],
      },
    ],
  ],
  'ticket claims': [
    parseTicketClaims,
    [
      {
        jti: REQUEST,
        request: REQUEST,
        sub: PEER,
        aud: PEER,
        model: MODEL,
        span: SPAN,
        positions: 64,
        part: 1,
        output: 32,
        pay: { kind: 'paid', policy: 1, activeParameters: 9, layers: 3 },
      },
    ],
  ],
  'ticket keys': [parseTicketKeys, [KEYS]],
}
