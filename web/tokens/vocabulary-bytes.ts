/**
 * The flat table from token id to raw bytes that an engine worker decodes with: one buffer, one list of offsets. Control
 * tokens are empty, so that a template's marks can never be shown as text.
 */
import { alphabetToBytes } from './byte-alphabet.ts'
import type { VocabularyBytes } from './codec.ts'
import { SPACE_MARK } from './sentence-piece.ts'
import { BYTE, CONTROL, type TokenizerFacts, UNKNOWN, UNUSED, USER_DEFINED } from './tokenizer-facts.ts'

const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/
const NONE = new Uint8Array(0)
const encoder = new TextEncoder()

function tokenBytes(token: string, type: number, spm: boolean): Uint8Array {
  if (type === CONTROL || type === UNKNOWN || type === UNUSED) return NONE
  if (type === USER_DEFINED) return encoder.encode(token)
  if (!spm) return alphabetToBytes(token)
  const byte = type === BYTE ? BYTE_TOKEN.exec(token) : null
  return byte ? Uint8Array.of(Number.parseInt(byte[1] ?? '', 16)) : encoder.encode(token.replaceAll(SPACE_MARK, ' '))
}

export function buildVocabularyBytes(facts: TokenizerFacts): VocabularyBytes {
  const spm = facts.tokenizer.kind === 'spm'
  const parts = facts.tokens.map((token, id) => tokenBytes(token, facts.types[id] ?? CONTROL, spm))
  const offsets = new Uint32Array(parts.length + 1)
  for (const [id, part] of parts.entries()) offsets[id + 1] = (offsets[id] ?? 0) + part.length
  const bytes = new Uint8Array(offsets[parts.length] ?? 0)
  for (const [id, part] of parts.entries()) bytes.set(part, offsets[id])
  const stripLeadingSpace = facts.tokenizer.kind === 'spm' && facts.tokenizer.addSpacePrefix
  return { bytes, offsets, endTokens: facts.endTokens, stripLeadingSpace }
}
