/**
 * Fuzz of everything that is read from a peer or the server: frames, slices, words, events, tickets. Each target is fed
 * what is valid, what is valid but for one place, and what is nothing at all. Nothing may throw, nothing may grow beyond
 * what was sent, and what is read must write back to itself.
 */
import fc from 'fast-check'
import { parsePublicKey, writePublicKey } from '../../web/wire/device-keys.ts'
import {
  readChatJob,
  readJobEvent,
  readTextsJob,
  writeChatJob,
  writeJobEvent,
  writeTextsJob,
} from '../../web/wire/job-parts.ts'
import jobParts from '../../web/wire/job-parts.vectors.json' with { type: 'json' }
import { JOINING_BYTES_FACTOR, MESSAGES_JOINING_MAX } from '../../web/wire/limits/links.ts'
import { readPeerSays, writePeerSays } from '../../web/wire/peer-control.ts'
import { decodePeerFrame, encodePeerFrame } from '../../web/wire/peer-frame.ts'
import { assert, type Result } from '../../web/wire/result.ts'
import { SLICE_HEADER_BYTES, SliceJoiner } from '../../web/wire/slices.ts'
import { EVENTS, HELD, WORDS } from './wire-samples.ts'

/** What was read and what was refused: a fuzz that sees only one of them has looked at nothing. */
export interface FuzzCount {
  read: number
  refused: number
}

export interface FuzzTarget {
  readonly name: string
  run(runs: number, seed: number): FuzzCount
}

/** Names that the claims of a ticket have on the wire. */
const RENAMED: Readonly<Record<string, string>> = {
  id: 'jti',
  asker: 'sub',
  worker: 'aud',
  modelId: 'model',
  outputTokens: 'output',
}

const junk = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    0,
    1,
    2 ** 53,
    0.5,
    '',
    true,
    [],
    {},
  ),
  fc.string({ maxLength: 40 }),
  fc.double(),
  fc.nat().map((size) => 'x'.repeat(size % 20_000)),
  fc.nat().map((size) => new Array(size % 2_000).fill(HELD)),
  fc.anything({ maxDepth: 2, maxKeys: 4 }),
)

/** One place of a value is something else, is missing, or is there twice. */
function changedOnce(value: unknown, turns: readonly number[], something: unknown, at = 0): unknown {
  const turn = turns[at % turns.length] ?? 0
  if (value === null || typeof value !== 'object' || turn % 5 === 0) return something
  if (Array.isArray(value)) {
    if (turn % 5 === 1) return [...value, ...value]
    return value.map((one, index) => (index === turn % value.length ? changedOnce(one, turns, something, at + 1) : one))
  }
  const fields = value as Readonly<Record<string, unknown>>
  const name = Object.keys(fields)[turn % Math.max(1, Object.keys(fields).length)]
  if (name === undefined) return something
  const { [name]: chosen, ...others } = fields
  if (turn % 11 === 0) return others
  return { ...others, [name]: changedOnce(chosen, turns, something, at + 1) }
}

const values = (valid: readonly unknown[]) => {
  const good = fc.constantFrom(...valid)
  const turns = fc.array(fc.nat(), { minLength: 1, maxLength: 6 })
  const changed = fc.tuple(good, turns, junk).map(([value, path, something]) => changedOnce(value, path, something))
  return fc.oneof({ weight: 1, arbitrary: good }, { weight: 6, arbitrary: changed }, { weight: 2, arbitrary: junk })
}

function target<T>(name: string, arbitrary: fc.Arbitrary<T>, look: (value: T) => boolean): FuzzTarget {
  return {
    name,
    run(runs, seed) {
      const count: FuzzCount = { read: 0, refused: 0 }
      const property = fc.property(arbitrary, (value) => {
        if (look(value)) count.read += 1
        else count.refused += 1
      })
      fc.assert(property, { numRuns: runs, seed })
      return count
    },
  }
}

function event(name: string): FuzzTarget {
  const [parse, valid] = EVENTS[name] ?? []
  assert(parse && valid, 'a target has a parser')
  return target(`event: ${name}`, values(valid), (value) => {
    const read = parse(value)
    if (!read.ok) return false
    const text = JSON.stringify(read.value)
    assert(text.length <= JSON.stringify(value).length + 64, 'what was read is not larger than what was sent')
    const again = parse(renamed(JSON.parse(text)))
    assert(again.ok && JSON.stringify(again.value) === text, 'what was read is read again as the same')
    return true
  })
}

function renamed(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || !('asker' in value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [RENAMED[name] ?? name, field]))
}

const word = fc.integer({ min: 0, max: 0xffff_ffff })
const edge = fc.oneof(word, fc.constantFrom(0, 1, 2, 8, 256, 0x7f80_0000, 0x7fc0_0000, 0xffff_ffff))

/** A header with any fields, its payload as long as it says or not, and any bytes. */
const frameBytes = fc.oneof(
  fc.uint8Array({ maxLength: 120 }),
  fc
    .tuple(
      fc.integer({ min: 0, max: 7 }),
      fc.nat(8),
      edge,
      fc.nat(40),
      fc.nat(9),
      fc.nat(5),
      fc.array(edge, { maxLength: 24 }),
    )
    .chain(([type, flags, epoch, position, count, width, payload]) =>
      fc.constantFrom(payload.length * 4, count * 4, count * width * 4).map((said) => {
        const own = Array.from({ length: said / 4 }, (_, index) => payload[index % Math.max(1, payload.length)] ?? 0)
        const bytes = new Uint8Array(40 + 4 * own.length)
        const view = new DataView(bytes.buffer)
        bytes.set([1, type, flags, 0])
        view.setUint32(4, epoch, true)
        for (const [index, field] of [position, count, type === 3 ? width : 0, said].entries()) {
          view.setUint32(24 + 4 * index, field, true)
        }
        for (const [index, value] of own.entries()) view.setUint32(40 + 4 * index, value, true)
        return bytes
      }),
    ),
)

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, index) => byte === b[index])

const JOINED_BYTES_MAX = 64
const slices = fc.array(
  fc.tuple(fc.nat(9), fc.nat(5), fc.boolean(), fc.nat(40)).map(([number, index, last, bytes]) => {
    const slice = new Uint8Array(Math.max(0, bytes - 2))
    if (slice.length < SLICE_HEADER_BYTES) return slice
    const view = new DataView(slice.buffer)
    view.setUint32(0, number % 3 === 0 ? 0 : number, true)
    view.setUint32(4, (last ? 0x8000_0000 : 0) | index, true)
    return slice
  }),
  { maxLength: 30 },
)

/** What writes back to itself, once it was read. */
const JOB_PARTS: Readonly<Record<string, (text: string) => Result<string>>> = {
  chat: (text) => written(readChatJob(text), writeChatJob),
  texts: (text) => written(readTextsJob(text), writeTextsJob),
  event: (text) => written(readJobEvent(text), writeJobEvent),
}

function written<T>(read: Result<T>, write: (value: T) => string): Result<string> {
  return read.ok ? { ok: true, value: write(read.value) } : read
}

function jobPart(of: string): FuzzTarget {
  const read = JOB_PARTS[of]
  assert(read, 'a part has a reader')
  const valid = jobParts.good.filter((one) => one.of === of).map(({ text }) => JSON.parse(text) as unknown)
  const texts = values(valid).map((value) => JSON.stringify(value) ?? '')
  return target(`job part: ${of}`, texts, (text) => {
    const once = read(text)
    if (!once.ok) return false
    const again = read(once.value)
    assert(again.ok && again.value === once.value, 'a part writes back to itself')
    return true
  })
}

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  ...Object.keys(JOB_PARTS).map(jobPart),
  target('frame', frameBytes, (bytes) => {
    const read = decodePeerFrame(bytes)
    if (!read.ok) return false
    assert(same(encodePeerFrame(read.value), bytes), 'a frame writes back to its bytes')
    return true
  }),
  target('slices', slices, (list) => {
    const joiner = new SliceJoiner(JOINED_BYTES_MAX, SLICE_HEADER_BYTES + 1)
    let [taken, given] = [0, 0]
    for (const slice of list) {
      const joined = joiner.take(slice)
      if (!joined.ok) return false
      taken += slice.length - SLICE_HEADER_BYTES
      given += joined.value?.length ?? 0
      assert((joined.value?.length ?? 0) <= JOINED_BYTES_MAX, 'no message is larger than it may be')
      assert(taken - given <= JOINING_BYTES_FACTOR * JOINED_BYTES_MAX, 'no more is kept than it may')
    }
    return given > 0 && list.length <= MESSAGES_JOINING_MAX * JOINED_BYTES_MAX
  }),
  target(
    'words',
    values(WORDS).map((value) => JSON.stringify(value) ?? ''),
    (text) => {
      const read = readPeerSays(text)
      if (!read.ok) return false
      const again = readPeerSays(writePeerSays(read.value))
      assert(again.ok && writePeerSays(again.value) === writePeerSays(read.value), 'a word writes back to itself')
      return true
    },
  ),
  target('text', fc.oneof(fc.string({ maxLength: 200 }), fc.json({ maxDepth: 3 })), (text) => readPeerSays(text).ok),
  target(
    'key',
    fc.oneof(
      fc.string({ maxLength: 140 }),
      fc
        .base64String({ minLength: 40, maxLength: 48 })
        .map((text) => `ed25519:${text.replaceAll(/[=+/]/g, 'A').slice(0, 43)}`),
    ),
    (text) => {
      const read = parsePublicKey(text)
      if (read.ok) assert(writePublicKey(read.value) === text, 'a key has one name')
      return read.ok
    },
  ),
  ...Object.keys(EVENTS).map(event),
]
