/**
 * The byte-level alphabet of GPT-2: each byte as one printable character, so that a vocabulary can be text. Printable
 * Latin-1 stands for itself, the other 68 bytes for U+0100 and up, in order. A table and its inverse, nothing else.
 */

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
}

/** Character of each byte. */
const BYTE_CHARACTERS: readonly string[] = (() => {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
})()

const BYTES = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]))
const encoder = new TextEncoder()

/** Bytes of a byte-level token; a character outside the alphabet stands for its own UTF-8. */
export function alphabetToBytes(token: string): Uint8Array {
  const bytes: number[] = []
  for (const character of token) {
    const byte = BYTES.get(character)
    if (byte === undefined) bytes.push(...encoder.encode(character))
    else bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}
