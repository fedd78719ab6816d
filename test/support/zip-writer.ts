/**
 * Writes small zip archives, wheels among them, from names and bytes. The other side of the library that unpacks them.
 */
import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipMember {
  readonly name: string
  readonly bytes: Uint8Array
  /** Size that the archive claims, where it lies. */
  readonly claimedBytes?: number
}

function writeZip(members: readonly ZipMember[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const member of members) {
    const name = Buffer.from(member.name)
    const packed = deflateRawSync(member.bytes)
    const facts = Buffer.alloc(26)
    facts.writeUInt16LE(20, 0)
    facts.writeUInt16LE(8, 4)
    facts.writeUInt16LE(0x21, 8)
    facts.writeUInt32LE(crc32(member.bytes), 10)
    facts.writeUInt32LE(packed.length, 14)
    facts.writeUInt32LE(member.claimedBytes ?? member.bytes.length, 18)
    facts.writeUInt16LE(name.length, 22)
    const entry = Buffer.alloc(14)
    entry.writeUInt32LE(at, 10)
    directory.push(Buffer.from('PK\u0001\u0002'), Buffer.from([20, 0]), facts, entry, name)
    const local = [Buffer.from('PK\u0003\u0004'), facts, name, packed]
    parts.push(...local)
    at += local.reduce((sum, { length }) => sum + length, 0)
  }
  const listing = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\u0005\u0006', 0, 'latin1')
  end.writeUInt16LE(members.length, 8)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(listing.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, listing, end])
}

/** A wheel that pip accepts, with `files` inside. */
export function writeWheel(name: string, version: string, files: readonly ZipMember[]): Buffer {
  const info = `${name}-${version}.dist-info`
  const text = (path: string, content: string): ZipMember => ({ name: `${info}/${path}`, bytes: Buffer.from(content) })
  const metadata = text('METADATA', `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`)
  const wheel = text('WHEEL', 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
  const paths = [...files, metadata, wheel].map((file) => `${file.name},,`)
  return writeZip([...files, metadata, wheel, text('RECORD', `${paths.join('\n')}\n${info}/RECORD,,\n`)])
}
