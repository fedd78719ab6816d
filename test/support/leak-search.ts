/**
 * Looks for a text in bytes that must not hold it: as it is, in the usual encodings, as token ids, and as hashes of it. What
 * it is given is searched whole; any window of the text that is long enough to say something counts. Finds only what it
 * knows how to write, so each way of writing has a planted leak in the tests.
 */
import { createHash } from 'node:crypto'

export interface Secret {
  /** What it is, for the report. */
  readonly name: string
  readonly text: string
  /** The same as the model's token ids. */
  readonly ids: readonly number[]
}

export interface Haystack {
  readonly name: string
  readonly bytes: Buffer
}

export interface Leak {
  readonly secret: string
  readonly where: string
  /** How it was written there. */
  readonly as: string
}

/** Characters of a window: shorter ones occur by chance. And token ids of one. */
const WINDOW_CHARACTERS = 16
const WINDOW_IDS = 5

export function findLeaks(haystacks: readonly Haystack[], secrets: readonly Secret[]): readonly Leak[] {
  const leaks: Leak[] = []
  for (const { name, text, ids } of secrets) {
    const needles = [...textNeedles(text), ...idNeedles(ids), ...hashNeedles(text, ids)]
    for (const { name: where, bytes } of haystacks) {
      const as = new Set(needles.filter(({ needle }) => bytes.includes(needle)).map((found) => found.as))
      leaks.push(...[...as].map((way) => ({ secret: name, where, as: way })))
    }
  }
  return leaks
}

interface Needle {
  readonly as: string
  readonly needle: Buffer
}

function textNeedles(text: string): readonly Needle[] {
  return windows([...text], WINDOW_CHARACTERS).flatMap((characters) => {
    const part = characters.join('')
    const utf8 = Buffer.from(part)
    const plain: readonly Needle[] = [
      { as: 'text', needle: utf8 },
      { as: 'text in JSON', needle: Buffer.from(JSON.stringify(part).slice(1, -1)) },
      { as: 'text in an address', needle: Buffer.from(encodeURIComponent(part)) },
      { as: 'UTF-16', needle: Buffer.from(part, 'utf16le') },
      { as: 'hexadecimal', needle: Buffer.from(utf8.toString('hex')) },
    ]
    return [...plain, ...base64Needles(utf8, 'base64')]
  })
}

function idNeedles(ids: readonly number[]): readonly Needle[] {
  return windows(ids, WINDOW_IDS).flatMap((part) => {
    const little = Buffer.from(Uint32Array.from(part).buffer)
    const big = Buffer.from(little).swap32()
    const short = part.every((id) => id < 0x1_0000) ? [Buffer.from(Uint16Array.from(part).buffer)] : []
    return [
      { as: 'token ids in JSON', needle: Buffer.from(part.join(',')) },
      { as: 'token ids in words', needle: Buffer.from(part.join(' ')) },
      ...[little, big, ...short].flatMap((needle) => [
        { as: 'token ids in bytes', needle },
        ...base64Needles(needle, 'token ids in base64'),
      ]),
    ]
  })
}

/** Of the whole, as anybody who knows the text could compare it. */
function hashNeedles(text: string, ids: readonly number[]): readonly Needle[] {
  const wholes = [text, text.trim(), JSON.stringify(text), JSON.stringify(ids), ids.join(','), ids.join(' ')]
  const bytes = [...wholes.map((whole) => Buffer.from(whole)), Buffer.from(Uint32Array.from(ids).buffer)]
  return bytes.flatMap((one) =>
    ['sha256', 'sha1', 'sha512', 'md5'].flatMap((kind) => {
      const hash = createHash(kind).update(one).digest()
      const ways = [hash.toString('hex'), hash.toString('base64').replace(/=+$/, ''), hash.toString('base64url')]
      return [{ as: `${kind} in bytes`, needle: hash }, ...ways.map((way) => ({ as: kind, needle: Buffer.from(way) }))]
    }),
  )
}

/** A text may begin at any of three places of a group: the characters that depend on what stands around it are left out. */
function base64Needles(bytes: Buffer, as: string): readonly Needle[] {
  return [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    const inner = whole.slice(Math.ceil((shift * 4) / 3), whole.length - 1)
    const forUrls = inner.replaceAll('+', '-').replaceAll('/', '_')
    return [inner, forUrls].map((needle) => ({ as, needle: Buffer.from(needle) }))
  })
}

function windows<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  if (all.length <= size) return all.length === 0 ? [] : [all]
  return Array.from({ length: all.length - size + 1 }, (_, from) => all.slice(from, from + size))
}
