/**
 * The partner page's side of the words between it and the Weft frame. Believes only this frame's window and Weft's origin,
 * and only what parses. What is said before the frame is there waits for it, the newest of each kind. Draws nothing.
 */
import {
  EMBED_VERSION,
  type EmbedSettings,
  type FrameWord,
  type HostWord,
  isEmbedWord,
  parseFrameWord,
  writeEmbedWord,
} from '../wire/embed-words.ts'

export interface FrameLinkParts {
  readonly frame: HTMLIFrameElement
  /** Of Weft: the only one that is listened to and spoken to. */
  readonly origin: string
  readonly settings: () => EmbedSettings
  readonly onWord: (word: FrameWord) => void
}

export class FrameLink {
  readonly #parts: FrameLinkParts
  readonly #waiting = new Map<HostWord['kind'], HostWord>()
  /** Of calls, in order. */
  readonly #ports: MessagePort[] = []
  #here = false

  constructor(parts: FrameLinkParts) {
    this.#parts = parts
    window.addEventListener('message', this.#onMessage)
  }

  get here(): boolean {
    return this.#here
  }

  say(word: HostWord): void {
    if (this.#here) this.#post(word)
    else this.#waiting.set(word.kind, word)
  }

  /** A call of the page. Who made it has a cap on how many, and hears nothing on a port that is let go. */
  call(port: MessagePort): void {
    if (this.#here) this.#post({ kind: 'call' }, [port])
    else this.#ports.push(port)
  }

  close(): void {
    window.removeEventListener('message', this.#onMessage)
  }

  #post(word: HostWord, ports: MessagePort[] = []): void {
    this.#parts.frame.contentWindow?.postMessage(writeEmbedWord(word), this.#parts.origin, ports)
  }

  readonly #onMessage = ({ source, origin, data }: MessageEvent): void => {
    const { frame, settings, onWord } = this.#parts
    if (source !== frame.contentWindow || origin !== this.#parts.origin || !isEmbedWord(data)) return
    const word = parseFrameWord(data)
    if (!word.ok) return
    // Also after a reload of the frame, which has forgotten everything.
    if (word.value.kind === 'here') {
      this.#here = true
      this.#post({ kind: 'hello', version: EMBED_VERSION, ...settings() })
      for (const waiting of this.#waiting.values()) this.#post(waiting)
      this.#waiting.clear()
      for (const port of this.#ports.splice(0)) this.#post({ kind: 'call' }, [port])
    }
    onWord(word.value)
  }
}
