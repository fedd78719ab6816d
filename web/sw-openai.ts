/**
 * Answers `fetch('/v1/...')` of pages of this origin, as OpenAI's server would: hands each call to a tab of Weft and its
 * answer back, as it comes. Without such a tab it refuses with a code. It reads no request and computes nothing.
 */
import { SCOPES } from './wire/conversation.ts'
import {
  OPENAI_BODY_BYTES_MAX,
  OPENAI_CALLS_MAX,
  OPENAI_CHUNKS_AHEAD,
  OPENAI_FIRST_MS,
  OPENAI_NEXT_MS,
  OPENAI_TAB_MS,
} from './wire/limits/sdk.ts'
import {
  CALL_LOCK,
  OPENAI_REFUSALS,
  type OpenAiAsk,
  type OpenAiPath,
  type OpenAiRefusal,
  type OpenAiSay,
  type OpenAiWho,
  openAiMethodOf,
  openAiPathOf,
  parseOpenAiSay,
  refusalBody,
  SCOPE_HEADER,
} from './wire/openai-call.ts'

declare const self: ServiceWorkerGlobalScope

/** A tab that has said that it is there, on the port of this call. */
interface Tab {
  readonly port: MessagePort
  readonly lock: string
}

let open = 0

/** `isTab`: whether a page at this path is the app. */
export async function answerOpenAi(event: FetchEvent, isTab: (pathname: string) => boolean): Promise<Response> {
  const { request, clientId } = event
  const path = openAiPathOf(new URL(request.url).pathname)
  if (!(await isOwnPage(clientId))) return refused('foreign')
  if (path === null) return refused('address')
  if (request.method !== openAiMethodOf(path)) return refused('method')
  if (open >= OPENAI_CALLS_MAX) return refused('busy')
  open += 1
  const done = () => {
    open -= 1
  }
  const answered = await callOf(request, path, isTab, done).catch((error: unknown) => {
    done()
    throw error
  })
  if (typeof answered !== 'string') return answered
  done()
  return refused(answered)
}

/** A page of this origin in a tab of its own, or its worker. One inside another page may have been put there by anybody. */
async function isOwnPage(clientId: string): Promise<boolean> {
  const client = await self.clients.get(clientId)
  return client !== undefined && client.frameType !== 'nested' && new URL(client.url).origin === self.location.origin
}

/** `done` is called once where a response is given, when it has ended. */
async function callOf(
  request: Request,
  path: OpenAiPath,
  isTab: (pathname: string) => boolean,
  done: () => void,
): Promise<Response | OpenAiRefusal> {
  const wished = request.headers.get(SCOPE_HEADER) ?? 'device'
  const scope = SCOPES.find((name) => name === wished)
  if (!scope) return 'scope'
  const blob = await request.blob()
  if (blob.size > OPENAI_BODY_BYTES_MAX) return 'large'
  const body = await blob.text()
  const [tab, lock] = await Promise.all([findTab(isTab), ownLock()])
  if (typeof tab === 'string') return tab
  return new Call(tab, request.signal, done).start({ kind: 'call', lock, path, body, scope })
}

let held: Promise<string> | null = null

/** Held until the browser ends this service worker, which it does as it likes. */
function ownLock(): Promise<string> {
  held ??= new Promise((resolve, reject) => {
    const lock = CALL_LOCK + crypto.randomUUID()
    const forever = () => {
      resolve(lock)
      return new Promise<never>(() => {})
    }
    self.navigator.locks.request(lock, forever).catch(reject)
  })
  return held
}

/** The first that answers. The others are told to forget it. */
async function findTab(isTab: (pathname: string) => boolean): Promise<Tab | OpenAiRefusal> {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const tabs = pages.filter(({ url, frameType }) => frameType !== 'nested' && isTab(new URL(url).pathname))
  if (tabs.length === 0) return 'missing'
  const ports = tabs.map((tab) => {
    const { port1, port2 } = new MessageChannel()
    tab.postMessage({ kind: 'openai-who' } satisfies OpenAiWho, [port2])
    return port1
  })
  return new Promise((resolve) => {
    const decide = (found: Tab | OpenAiRefusal) => {
      clearTimeout(timer)
      for (const port of ports) {
        port.onmessage = null
        if (typeof found === 'string' || port !== found.port) {
          port.postMessage({ kind: 'stop' } satisfies OpenAiAsk)
          port.close()
        }
      }
      resolve(found)
    }
    const timer = setTimeout(() => decide('silent'), OPENAI_TAB_MS)
    for (const port of ports)
      port.onmessage = ({ data }) => {
        const said = parseOpenAiSay(data)
        if (said?.kind === 'here') decide({ port, lock: said.lock })
      }
  })
}

/** One call at one tab: begins with `start`, and `#end` is its only exit. */
class Call {
  readonly #tab: Tab
  readonly #done: () => void
  readonly #gone: AbortSignal
  readonly #over = new AbortController()
  readonly #encoder = new TextEncoder()
  #head: (answer: Response | OpenAiRefusal) => void = () => {}
  #state: 'waiting' | 'whole' | 'stream' | 'over' = 'waiting'
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null
  /** Pieces that the tab may still send. */
  #due = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `gone`: nobody waits for the answer any more. */
  constructor(tab: Tab, gone: AbortSignal, done: () => void) {
    this.#tab = tab
    this.#gone = gone
    this.#done = done
  }

  start(ask: OpenAiAsk): Promise<Response> {
    return new Promise((resolve) => {
      this.#head = (answer) => resolve(typeof answer === 'string' ? refused(answer) : answer)
      this.#tab.port.onmessage = ({ data }) => this.#heard(parseOpenAiSay(data))
      // Chromium never says it; there a call that nobody waits for ends when its answer begins.
      this.#gone.addEventListener('abort', () => this.#end('stop'), { signal: this.#over.signal })
      this.#wait(OPENAI_FIRST_MS)
      // Free where the tab is gone before the call has ended.
      self.navigator.locks
        .request(this.#tab.lock, { signal: this.#over.signal }, () => this.#end('closed'))
        .catch(() => {})
      if (this.#gone.aborted) this.#end('stop')
      else this.#say(ask)
    })
  }

  #say(ask: OpenAiAsk): void {
    this.#tab.port.postMessage(ask)
  }

  #heard(said: OpenAiSay | null): void {
    if (this.#state === 'over') return
    if (said?.kind === 'head' && this.#state === 'waiting') this.#begin(said.status, said.stream)
    else if (said?.kind === 'chunk' && this.#due > 0) {
      this.#due -= 1
      this.#controller?.enqueue(this.#encoder.encode(said.text))
      this.#pull()
    } else if (said?.kind === 'end' && this.#state !== 'waiting') this.#end('end')
    else this.#end(said?.kind === 'broken' ? 'closed' : 'silent')
  }

  #begin(status: number, stream: boolean): void {
    this.#state = stream ? 'stream' : 'whole'
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => this.#end('stop'),
      },
      { highWaterMark: OPENAI_CHUNKS_AHEAD },
    )
    const type = stream ? 'text/event-stream; charset=utf-8' : 'application/json'
    this.#head(new Response(body, { status, headers: headersOf(type) }))
  }

  /** As many as there is room for. */
  #pull(): void {
    if (this.#state === 'over') return
    const count = Math.max(0, this.#controller?.desiredSize ?? 0) - this.#due
    if (count > 0) {
      this.#due += count
      this.#say({ kind: 'pull', count })
    }
    // Where nobody reads, nothing is late.
    this.#wait(this.#due > 0 ? OPENAI_NEXT_MS : null)
  }

  #wait(ms: number | null): void {
    clearTimeout(this.#timer)
    if (ms !== null) this.#timer = setTimeout(() => this.#end('silent'), ms)
  }

  /** `stop`: by who asked. */
  #end(why: 'end' | 'stop' | 'closed' | 'silent'): void {
    const state = this.#state
    if (state === 'over') return
    this.#state = 'over'
    this.#over.abort()
    this.#wait(null)
    this.#say({ kind: 'stop' })
    this.#tab.port.close()
    this.#done()
    if (state === 'waiting') this.#head(why === 'silent' ? 'silent' : 'closed')
    else if (why === 'end') this.#controller?.close()
    else if (why !== 'stop') this.#breakOff(state, why)
  }

  /** A stream says in its last event why it ended early; a whole answer breaks off. */
  #breakOff(state: 'whole' | 'stream', why: OpenAiRefusal): void {
    if (state === 'whole') this.#controller?.error(new TypeError(OPENAI_REFUSALS[why].says))
    else {
      this.#controller?.enqueue(this.#encoder.encode(`data: ${JSON.stringify(refusalBody(why))}\n\n`))
      this.#controller?.close()
    }
  }
}

/** No client tries such a call again by itself: what it asked for may have been computed. */
function headersOf(type: string): HeadersInit {
  return { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Should-Retry': 'false' }
}

function refused(refusal: OpenAiRefusal): Response {
  const { status } = OPENAI_REFUSALS[refusal]
  return new Response(JSON.stringify(refusalBody(refusal)), { status, headers: headersOf('application/json') })
}
