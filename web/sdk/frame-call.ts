/**
 * One call of a page of another origin, over a port to the widget's frame: what is said on it, within waits and caps, until its end.
 * Knows no element and reads no answer.
 */
import { WeftError } from '../openai-run.ts'
import { EMBED_HERE_MS_MAX } from '../wire/limits/partners.ts'
import { OPENAI_BODY_BYTES_MAX, OPENAI_CHUNKS_AHEAD, OPENAI_FIRST_MS, OPENAI_NEXT_MS } from '../wire/limits/sdk.ts'
import { CALL_LOCK, type OpenAiAsk, type OpenAiPath, type OpenAiSay, parseOpenAiSay } from '../wire/openai-call.ts'
import { type Failure, fail, type Result } from '../wire/result.ts'

export interface FrameCall {
  readonly path: OpenAiPath
  readonly body: string
  readonly signal: AbortSignal
}

/** Pieces of its text; `status` is that of all of them. */
export interface Piece {
  readonly status: number
  readonly text: string
}

export class CallPort {
  readonly #call: FrameCall
  readonly #port: MessagePort
  readonly #pieces: Piece[] = []
  #state: 'sent' | 'heard' | 'begun' | 'ended' = 'sent'
  #status = 0
  /** Pieces that the frame may still say. */
  #due = 0
  #failure: Failure | null = null
  #wake: () => void = () => {}
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `hand`: gives the other end to the frame. */
  constructor(call: FrameCall, hand: (port: MessagePort) => Result<null>) {
    this.#call = call
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    port1.onmessage = ({ data }) => this.#hear(parseOpenAiSay(data))
    this.#wait(EMBED_HERE_MS_MAX)
    if (call.body.length > OPENAI_BODY_BYTES_MAX) this.fail(fail('request-invalid', 'The body is too large.'))
    else if (call.signal.aborted) this.fail(fail('aborted', ''))
    else {
      const handed = hand(port2)
      if (!handed.ok) this.fail(handed)
    }
  }

  /** Whether the frame has it. */
  get heard(): boolean {
    return this.#state !== 'sent'
  }

  fail(failure: Failure): void {
    this.#failure ??= failure
    this.#wake()
  }

  /** In order, until the end; what ends early is thrown. Leaving it stops the frame. */
  async *pieces(): AsyncGenerator<Piece, void, undefined> {
    const { signal } = this.#call
    const stop = () => this.fail(fail('aborted', ''))
    signal.addEventListener('abort', stop)
    try {
      for (;;) {
        if (this.#failure) throw new WeftError(this.#failure)
        const piece = this.#pieces.shift()
        if (piece) {
          yield piece
          this.#pull(1)
        } else if (this.#state === 'ended') return
        else await this.#news()
      }
    } finally {
      signal.removeEventListener('abort', stop)
      clearTimeout(this.#timer)
      this.#say({ kind: 'stop' })
      this.#port.close()
    }
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #say(ask: OpenAiAsk): void {
    this.#port.postMessage(ask)
  }

  #hear(said: OpenAiSay | null): void {
    if (this.#state === 'ended') return
    if (said?.kind === 'here') this.#send()
    else if (said?.kind === 'head' && this.#state === 'heard') {
      this.#state = 'begun'
      this.#status = said.status
      this.#wait(OPENAI_NEXT_MS)
    } else if (said?.kind === 'chunk' && this.#state === 'begun' && this.#pieces.length < 2 * OPENAI_CHUNKS_AHEAD) {
      this.#pieces.push({ status: this.#status, text: said.text })
      this.#due -= 1
      this.#wait(this.#due > 0 ? OPENAI_NEXT_MS : null)
    } else if (said?.kind === 'end' && this.#state === 'begun') {
      this.#state = 'ended'
      clearTimeout(this.#timer)
    } else this.fail(said?.kind === 'broken' ? fail('app-closed', '') : fail('event-invalid', ''))
    this.#wake()
  }

  /** It says again that it is there where the answer takes long. */
  #send(): void {
    if (this.#state === 'heard') this.#wait(OPENAI_FIRST_MS)
    if (this.#state !== 'sent') return
    const { path, body } = this.#call
    this.#state = 'heard'
    // Nobody holds it: the frame goes with this page. Who may answer is the key's and the visitor's to say.
    this.#say({ kind: 'call', lock: CALL_LOCK + crypto.randomUUID(), path, body, scope: 'device' })
    this.#pull(OPENAI_CHUNKS_AHEAD)
    this.#wait(OPENAI_FIRST_MS)
  }

  #pull(count: number): void {
    if (this.#state === 'ended') return
    this.#due += count
    this.#say({ kind: 'pull', count })
    this.#wait(OPENAI_NEXT_MS)
  }

  /** Null where nobody reads: nothing is late then. */
  #wait(ms: number | null): void {
    clearTimeout(this.#timer)
    if (ms !== null) this.#timer = setTimeout(() => this.fail(fail('app-silent', '')), ms)
  }
}
