/**
 * The frame's side of the words between it and the page around it. Hears that one window, from an origin that the key names,
 * and only what is small and parses; who says too much is not heard again. Starts nothing and draws nothing.
 */
import { Rate } from '../rules/rate.ts'
import { type FrameWord, type HostWord, isEmbedWord, parseHostWord, writeEmbedWord } from '../wire/embed-words.ts'
import { EMBED_FIELDS_MAX, EMBED_WORDS_BURST, EMBED_WORDS_PER_SECOND } from '../wire/limits/partners.ts'

export interface BridgeParts {
  /** The page around the frame. */
  readonly host: Pick<Window, 'postMessage'>
  readonly nowMs: () => number
  /** `port`: of a call, which comes with one. */
  readonly onWord: (word: HostWord, port: MessagePort | undefined) => void
}

/** What of a `MessageEvent` is looked at. */
export type Posted = Pick<MessageEvent, 'source' | 'origin' | 'data'> & { readonly ports?: readonly MessagePort[] }

export class Bridge {
  readonly #parts: BridgeParts
  readonly #origins: ReadonlySet<string>
  readonly #rate: Rate
  /** Of the page: the first that was heard. It cannot change without a new frame. */
  #origin: string | null
  #deaf = false

  /** `origin`: of the page, where the browser tells; `origins`: those of the key. */
  constructor(origins: readonly string[], origin: string | null, parts: BridgeParts) {
    this.#parts = parts
    this.#origins = new Set(origins)
    this.#origin = origin
    this.#rate = new Rate({ perSecond: EMBED_WORDS_PER_SECOND, burst: EMBED_WORDS_BURST }, parts.nowMs())
  }

  get deaf(): boolean {
    return this.#deaf
  }

  hear({ source, origin, data, ports = [] }: Posted): void {
    if (this.#deaf || source !== this.#parts.host || !this.#origins.has(origin)) return
    if (this.#origin !== null && origin !== this.#origin) return
    if (!this.#rate.take(this.#parts.nowMs())) {
      this.#deaf = true
      return
    }
    if (!isEmbedWord(data) || Object.keys(data as object).length > EMBED_FIELDS_MAX) return
    const word = parseHostWord(data)
    if (!word.ok) return
    this.#origin = origin
    this.#parts.onWord(word.value, ports[0])
  }

  /** To the page, where it is one that the key names; it hears nothing elsewhere. */
  say(word: FrameWord): void {
    for (const origin of this.#origin === null ? this.#origins : [this.#origin]) {
      this.#parts.host.postMessage(writeEmbedWord(word), origin)
    }
  }
}

/** Of the page right around a frame; null where the browser does not tell. */
export function hostOrigin(ancestors: ArrayLike<string> | undefined, referrer: string): string | null {
  const [nearest] = Array.from(ancestors ?? [])
  if (nearest !== undefined) return nearest
  return URL.canParse(referrer) ? new URL(referrer).origin : null
}
