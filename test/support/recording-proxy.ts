/**
 * Stands before the server and keeps every byte that goes either way, so that a test can look for what must not be there.
 * What a browser masks on a WebSocket (RFC 6455, 5.3) is kept unmasked beside it. Changes nothing.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Haystack } from './leak-search.ts'

export interface RecordingProxy {
  readonly port: number
  /** All that went through so far. */
  recorded(): readonly Haystack[]
  close(): Promise<void>
}

export async function recordBefore(port: number): Promise<RecordingProxy> {
  const kept: { readonly name: string; readonly chunks: Buffer[] }[] = []
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    const number = kept.length / 2
    const toServer = { name: `connection ${number} to the server`, chunks: [] as Buffer[] }
    const toTab = { name: `connection ${number} from the server`, chunks: [] as Buffer[] }
    kept.push(toServer, toTab)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      // One side ends as the other does, however that was.
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk) => void toServer.chunks.push(chunk))
    upstream.on('data', (chunk) => void toTab.chunks.push(chunk))
    client.pipe(upstream)
    upstream.pipe(client)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    recorded: () =>
      kept.flatMap(({ name, chunks }) => {
        const bytes = Buffer.concat(chunks)
        return [
          { name, bytes },
          { name: `${name}, unmasked`, bytes: unmasked(bytes) },
        ]
      }),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The payloads of all frames after the upgrade, one after the other; empty for what is no WebSocket. */
function unmasked(stream: Buffer): Buffer {
  const head = stream.indexOf('\r\n\r\n')
  if (head < 0 || !/^upgrade: websocket/im.test(stream.subarray(0, head).toString('latin1'))) return Buffer.alloc(0)
  const payloads: Buffer[] = []
  let at = head + 4
  while (at + 2 <= stream.length) {
    const second = stream[at + 1] ?? 0
    const short = second & 0x7f
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    const masked = (second & 0x80) !== 0
    const bodyAt = at + 2 + lengthBytes + (masked ? 4 : 0)
    if (bodyAt > stream.length) break
    const length =
      lengthBytes === 0 ? short : Number(`0x${stream.subarray(at + 2, at + 2 + lengthBytes).toString('hex')}`)
    const mask = stream.subarray(bodyAt - 4, bodyAt)
    const body = Buffer.from(stream.subarray(bodyAt, bodyAt + length))
    if (masked)
      for (let index = 0; index < body.length; index += 1) body[index] = (body[index] ?? 0) ^ (mask[index % 4] ?? 0)
    payloads.push(body)
    at = bodyAt + length
  }
  return Buffer.concat(payloads)
}
