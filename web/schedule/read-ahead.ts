/**
 * Reads an answer for somebody who may stop reading: one event ahead and no further, so that the engine rests with its
 * reader, but to the end once it was told to stop, so that whoever waits for the engine waits for no reader.
 */
import type { ChatEvent } from '../wire/chat.ts'

/**
 * `stopped`: what the answer itself obeys; `left` is fired where the reader goes early, and is one of its causes. `done` is
 * called once, when nothing computes any more; what was read by then can still be had.
 */
export async function* readAhead(
  answer: AsyncIterable<ChatEvent>,
  stopped: AbortSignal,
  left: AbortController,
  done: () => void,
): AsyncGenerator<ChatEvent, void, undefined> {
  const events: ChatEvent[] = []
  let wakeReader = () => {}
  let wakePump = () => {}
  const wake = () => wakePump()
  stopped.addEventListener('abort', wake, { once: true })
  let over = false
  const pump = async () => {
    try {
      for await (const event of answer) {
        events.push(event)
        wakeReader()
        if (!stopped.aborted) await new Promise<void>((resolve) => (wakePump = resolve))
      }
    } finally {
      over = true
      stopped.removeEventListener('abort', wake)
      done()
      wakeReader()
    }
  }
  const pumped = pump()
  // Told to the reader below, not to nobody.
  pumped.catch(() => {})
  try {
    for (;;) {
      const event = events.shift()
      if (event) yield event
      else if (over) return await pumped
      else {
        wakePump()
        await new Promise<void>((resolve) => (wakeReader = resolve))
      }
    }
  } finally {
    left.abort()
    await pumped
  }
}
