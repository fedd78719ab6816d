/**
 * One address before several processes, as an operator's proxy: a new connection goes to the first of them that takes it. It reads
 * nothing of what it carries. Ended by `close`.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class TcpFront {
  /** Ports of this machine, the preferred one first; a test changes them as it goes. */
  ports: readonly number[]
  readonly #server: Server
  readonly #open = new Set<Socket>()

  private constructor(ports: readonly number[]) {
    this.ports = ports
    this.#server = createServer((client) => this.#carry(client, [...this.ports]))
  }

  static async start(ports: readonly number[] = []): Promise<TcpFront> {
    const front = new TcpFront(ports)
    await new Promise<void>((done) => front.#server.listen(0, '127.0.0.1', done))
    return front
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** All connections break; whoever was there comes anew. */
  drop(): void {
    for (const socket of this.#open) socket.destroy()
  }

  async close(): Promise<void> {
    this.drop()
    await new Promise((done) => this.#server.close(done))
  }

  #carry(client: Socket, [port, ...more]: readonly number[]): void {
    if (port === undefined) return void client.destroy()
    client.on('error', () => {})
    const server = connect(port, '127.0.0.1')
    server.once('error', () => {
      if (server.bytesRead + server.bytesWritten === 0 && !client.destroyed) this.#carry(client, more)
      else client.destroy()
    })
    server.once('connect', () => {
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#open.add(from)
        from.on('error', () => {})
        from.once('close', () => {
          this.#open.delete(from)
          to.destroy()
        })
        from.pipe(to)
      }
    })
  }
}
