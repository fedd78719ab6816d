/** A search that finds nothing says something only if it would have found it: each way of writing a secret, planted. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { describe, expect, it } from 'vitest'
import { findLeaks, type Secret } from '../support/leak-search.ts'
import { recordBefore } from '../support/recording-proxy.ts'

const TEXT = 'The lapwing’s nest lies seven steps east of "Aunt Mary\'s" gate.'
const IDS = [504, 49_151, 17, 3_302, 28, 904, 11, 2]
const SECRET: Secret = { name: 'question', text: TEXT, ids: IDS }
const noise = Buffer.from(JSON.stringify({ says: 'presence', held: [1, 2, 3], text: 'Something else altogether.' }))
const around = (middle: Buffer | string) => Buffer.concat([noise, Buffer.from(middle), noise])
const hidden = (bytes: Buffer) => findLeaks([{ name: 'here', bytes }], [SECRET])
const idBytes = Buffer.from(Uint32Array.from(IDS).buffer)
const sha = (value: string | Buffer) => createHash('sha256').update(value).digest()

describe('the search for what must not be there', () => {
  it('finds nothing where nothing is', () => {
    expect(hidden(Buffer.concat([noise, noise]))).toEqual([])
  })

  it.each([
    ['text', around(TEXT)],
    ['a part of the text', around(TEXT.slice(20, 40))],
    ['text in JSON', around(JSON.stringify({ content: TEXT }))],
    ['text in an address', around(`/?q=${encodeURIComponent(TEXT)}`)],
    ['UTF-16', around(Buffer.from(TEXT, 'utf16le'))],
    ['hexadecimal', around(Buffer.from(TEXT).toString('hex'))],
    ['base64', around(Buffer.from(TEXT).toString('base64'))],
    ['base64, one byte further', around(Buffer.from(`x${TEXT}`).toString('base64'))],
    ['base64, two bytes further', around(Buffer.from(`xy${TEXT}`).toString('base64url'))],
    ['token ids in JSON', around(JSON.stringify({ tokens: IDS }))],
    ['some token ids', around(JSON.stringify(IDS.slice(2, 7)))],
    ['token ids in bytes', around(idBytes)],
    ['token ids in bytes, the other end first', around(Buffer.from(idBytes).swap32())],
    ['token ids in short words', around(Buffer.from(Uint16Array.from(IDS).buffer))],
    ['token ids in base64', around(idBytes.toString('base64'))],
    ['a hash of the text', around(sha(TEXT).toString('hex'))],
    ['a hash in base64', around(sha(TEXT).toString('base64'))],
    ['a hash in bytes', around(sha(TEXT))],
    ['a hash of the token ids', around(sha(idBytes).toString('base64url'))],
    ['a hash of the list of ids', around(createHash('md5').update(JSON.stringify(IDS)).digest('hex'))],
  ])('finds %s', (_, bytes) => {
    expect(hidden(bytes)).not.toEqual([])
  })
})

describe('the recording before a server', () => {
  it('has what a tab says on a WebSocket and what it is told, unmasked', async () => {
    const http = createServer()
    const server = new Server(http, { transports: ['websocket'], perMessageDeflate: false })
    server.on('connection', (socket) => {
      socket.on('ask', (_: string, reply: (word: string) => void) => reply('nothing to see'))
    })
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
    const proxy = await recordBefore((http.address() as AddressInfo).port)
    const tab = io(`http://127.0.0.1:${proxy.port}`, { transports: ['websocket'] })
    try {
      await tab.emitWithAck('ask', 'harmless')
      expect(findLeaks(proxy.recorded(), [SECRET])).toEqual([])
      await tab.emitWithAck('ask', TEXT)
      expect(new Set(findLeaks(proxy.recorded(), [SECRET]).map(({ where }) => where))).toEqual(
        new Set(['connection 0 to the server, unmasked']),
      )
      expect(Buffer.concat(proxy.recorded().map(({ bytes }) => bytes)).includes('nothing to see')).toBe(true)
    } finally {
      tab.close()
      await proxy.close()
      await server.close()
    }
  })
})
