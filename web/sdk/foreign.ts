/**
 * The SDK's client on a page of another origin: the calls go to the widget's frame in that page, which asks its visitor. Loads the
 * widget where the page has none. Holds no consent, and gives nothing of this device.
 */
import { WeftError } from '../openai-run.ts'
import { Rate } from '../rules/rate.ts'
import { isCode } from '../wire/embed-calls.ts'
import { EMBED_CALLS_BURST, EMBED_CALLS_PER_SECOND } from '../wire/limits/partners.ts'
import { OPENAI_CALLS_MAX } from '../wire/limits/sdk.ts'
import { type Failure, fail, type Result } from '../wire/result.ts'
import type { Contribute, WeftClient } from './client.ts'
import { CallPort, type FrameCall, type Piece } from './frame-call.ts'
import { weftOver } from './frame-weft.ts'
import { helpersOf } from './helper-set.ts'

/** What of `<weft-chat>` is used here. */
export interface WidgetElement extends Pick<EventTarget, 'addEventListener'> {
  readonly refused: string | null
  call(port: MessagePort): Result<null>
}

/** Of a key that is used up for today, where this device may still answer: the frame says of each call. */
const PARTLY = 'partner-budget'
const PACE_MS = 1_000 / EMBED_CALLS_PER_SECOND
const OFF = { state: 'off', refusal: null } as const

export function foreignClient(widget: Promise<WidgetElement>): WeftClient {
  const calls = new FrameCalls(widget)
  const weft = weftOver((call) => calls.pieces(call))
  const refuse = () => Promise.reject(new WeftError(fail('partner-scope', 'The visitor gives in the widget itself.')))
  const contribute: Contribute = { state: OFF, start: refuse, pause: refuse, resume: refuse, stop: refuse }
  const on: WeftClient['on'] = (name, listener) => {
    const heard = listener as (value: object) => void
    if (name !== 'widget') {
      heard(name === 'load' ? { state: 'none' } : OFF)
      return () => {}
    }
    const over = new AbortController()
    const tell = (event: Event) => heard((event as CustomEvent<object>).detail)
    widget.then((chat) => chat.addEventListener('weft-state', tell, { signal: over.signal })).catch(() => {})
    return () => over.abort()
  }
  return { ...weft, helpers: helpersOf(weft), contribute, on }
}

class FrameCalls {
  readonly #widget: Promise<WidgetElement>
  readonly #open = new Set<CallPort>()
  readonly #rate = new Rate({ perSecond: EMBED_CALLS_PER_SECOND, burst: EMBED_CALLS_BURST }, performance.now())
  /** Of calls that wait until another is over. */
  readonly #waiting = new Set<() => void>()
  #count = 0

  constructor(widget: Promise<WidgetElement>) {
    this.#widget = widget
    widget
      .then((chat) => {
        chat.addEventListener('weft-state', () => this.#refuse(refusalOf(chat), () => true))
        // Of a frame that was loaded anew, which knows nothing of what the one before it had heard.
        chat.addEventListener('weft-ready', () => this.#refuse(fail('app-closed', ''), ({ heard }) => heard))
      })
      // Said to each call.
      .catch(() => {})
  }

  async *pieces(call: FrameCall): AsyncGenerator<Piece, void, undefined> {
    const chat = await this.#widget
    await this.#turn(call.signal)
    try {
      const refused = refusalOf(chat)
      if (refused) throw new WeftError(refused)
      const port = new CallPort(call, (given) => handed(chat.call(given)))
      this.#open.add(port)
      try {
        yield* port.pieces()
      } finally {
        this.#open.delete(port)
      }
    } finally {
      this.#count -= 1
      this.#waiting.values().next().value?.()
    }
  }

  /** Few at once, and no faster than the frame listens. */
  async #turn(signal: AbortSignal): Promise<void> {
    this.#count += 1
    if (this.#count > OPENAI_CALLS_MAX) await this.#place(signal)
    while (!signal.aborted && !this.#rate.take(performance.now()))
      await new Promise((resolve) => setTimeout(resolve, PACE_MS))
  }

  #place(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        this.#waiting.delete(go)
        resolve()
      }
      this.#waiting.add(go)
      signal.addEventListener('abort', go, { once: true })
    })
  }

  #refuse(failure: Failure | null, which: (port: CallPort) => boolean): void {
    if (failure) for (const port of this.#open) if (which(port)) port.fail(failure)
  }
}

/** Null where the frame answers somebody. */
function refusalOf({ refused }: WidgetElement): Failure | null {
  if (refused === null || refused === PARTLY) return null
  return fail(isCode(refused) ? refused : 'engine-failed', '')
}

/** A page that nobody has touched has no frame, and so no consent. */
function handed(result: Result<null>): Result<null> {
  return !result.ok && result.code === 'embed-no-visitor' ? fail('consent-missing', result.detail) : result
}
