/**
 * The events of an answer, with what is said beside it put between them as soon as it is said: a person hears of a wait
 * while it lasts, not after it. Keeps the order of each and changes nothing.
 */
import type { EventQueue } from './event-queue.ts'

/** Ends with `events`; what is said after that is lost. Closing it early closes `events`, which `hurry` may hasten. */
export async function* beside<T>(
  events: AsyncGenerator<T, void, undefined>,
  said: EventQueue<T>,
  hurry: () => void,
): AsyncGenerator<T, void, undefined> {
  const words = said[Symbol.asyncIterator]()
  let event = events.next().then((next) => ({ next, of: 'events' as const }))
  let word = words.next().then((next) => ({ next, of: 'words' as const }))
  try {
    for (;;) {
      const { next, of } = await Promise.race([word, event])
      if (next.done) return
      yield next.value
      if (of === 'words') word = words.next().then((more) => ({ next: more, of: 'words' as const }))
      else event = events.next().then((more) => ({ next: more, of: 'events' as const }))
    }
  } finally {
    said.close()
    hurry()
    await events.return()
  }
}
