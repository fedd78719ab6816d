/**
 * The way between processes over Redis: Socket.IO's adapter for words to tabs elsewhere, its server-side events for words between
 * the processes. The only file that knows Redis, and loaded only where an address of it is set. It knows no word's meaning.
 */
import { createAdapter } from '@socket.io/redis-streams-adapter'
import { createClient } from 'redis'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { CLUSTER_STREAM_MAX, REDIS_CONNECT_MS_MAX, REDIS_LOOK_MS_MAX, REDIS_RETRY_MS } from '../config.ts'
import type { ClusterWay } from './cluster.ts'

const EVENT = 'cluster'
/** Of this program in a Redis that has other users. */
const NAME = 'weft'

/** Refusals: `redis-away`. */
export async function openRedis(url: string): Promise<Result<ClusterWay>> {
  const client = clientOf(url, true)
  const readers: Client[] = []
  const late = setTimeout(() => client.destroy(), REDIS_CONNECT_MS_MAX)
  try {
    await client.connect()
  } catch {
    // Its words would name the address, which may hold a password.
    return fail('redis-away', '')
  } finally {
    clearTimeout(late)
  }
  let isOpen = true
  const subscribed: Promise<unknown>[] = []
  const port = {
    // By this the adapter knows which library it has.
    sSubscribe() {},
    duplicate() {
      const reader = clientOf(url, false)
      readers.push(reader)
      return {
        sSubscribe() {},
        on() {},
        connect: () => reader.connect(),
        disconnect() {},
        subscribe(...words: Parameters<Client['subscribe']>) {
          subscribed.push(reader.subscribe(...words))
        },
        // The adapter asks again at once, also where the answer was an error.
        xRead: (...words: Parameters<Client['xRead']>) =>
          reader.xRead(...words).catch(async (error: unknown) => {
            if (isOpen) await new Promise((resolve) => setTimeout(resolve, REDIS_RETRY_MS))
            throw error
          }),
      }
    },
    xAdd: (...words: Parameters<Client['xAdd']>) => client.xAdd(...words),
    // The adapter does not wait for it: nobody would catch the error. What is lost is asked for again.
    publish: (...words: Parameters<Client['publish']>) => client.publish(...words).catch(() => 0),
    sendCommand: (words: string[]) => client.sendCommand(words),
  }
  const adapter = createAdapter(port, { streamName: NAME, channelPrefix: NAME, maxLen: CLUSTER_STREAM_MAX })
  return ok({
    adapter,
    bus: (io) => ({
      tell: (word) => void io.serverSideEmit(EVENT, word),
      hear: (listener) => void io.on(EVENT, listener),
      relay: (to, relayed) => void io.to(to).emit('relayed', relayed),
      pairWord: (to, word) => void io.to(to).emit('pair', word),
      async count() {
        // Before it hears itself it counts nobody.
        await Promise.all(subscribed)
        return subscribed.length === 0 ? 0 : io.of('/').adapter.serverCount()
      },
    }),
    async isUp() {
      const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), REDIS_LOOK_MS_MAX).unref())
      // One that has stopped without closing its connections answers nothing.
      const answers = client.ping().then(
        () => readers.every((reader) => reader.isReady),
        () => false,
      )
      return Promise.race([late, answers])
    },
    async close() {
      isOpen = false
      for (const one of [client, ...readers]) if (one.isOpen) one.destroy()
    },
  })
}

type Client = ReturnType<typeof clientOf>

/** `atOnce`: what cannot be said now is not said later, when it is not true any more. */
function clientOf(url: string, atOnce: boolean) {
  const socket = { reconnectStrategy: REDIS_RETRY_MS, connectTimeout: REDIS_CONNECT_MS_MAX }
  const waiting = atOnce ? { disableOfflineQueue: true, commandsQueueMaxLength: CLUSTER_STREAM_MAX } : {}
  const client = createClient({ url, socket, RESP: 2, ...waiting })
  // It comes back by itself; whether it is there is asked by `isUp`.
  client.on('error', () => {})
  return client
}
