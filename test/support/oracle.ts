/**
 * llama.cpp as the outside reference: a GGUF file in; token ids, greedy runs and log-probabilities out. It runs as WASM
 * in a Chromium page that this file serves on a free port, because the library needs a browser's workers. Knows nothing
 * of the engine and shares no code with it. Every method throws with llama.cpp's own last log lines when it fails.
 */
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import type { Browser, Page } from 'playwright'
import { launchChromium } from './chromium.ts'

export interface OracleModel {
  readonly vocabulary: number
  readonly contextLength: number
  readonly layers: number
  readonly width: number
  readonly bosId: number
  readonly endIds: readonly number[]
  readonly addsBos: boolean
  readonly threads: number
}

/** What llama.cpp predicts after one position. */
export interface OraclePosition {
  readonly topId: number
  /** `[id, log-probability]`, best first. */
  readonly top: readonly (readonly [id: number, logProbability: number])[]
}

export interface OracleSettings {
  /** Positions of KV; default 1024, or the model's own context where that is shorter. */
  readonly positions?: number
  /** `f32` for strict comparisons; `f16` is llama.cpp's default and ours. */
  readonly kv?: 'f16' | 'f32'
  readonly threads?: number
}

/** Entries of `top` where a caller names no count. */
const TOP_DEFAULT = 20
const LOG_LINES_KEPT = 40
const POSITIONS_DEFAULT = 1_024

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
}

type Raw = (readonly [number, number])[]

/** The functions of `oracle-page.html`: what each takes and what its promise holds. */
interface PageCalls {
  load: { takes: [url: string, settings: Readonly<Record<string, unknown>>]; gives: OracleModel }
  tokenize: { takes: [texts: readonly string[], special: boolean]; gives: number[][] }
  detokenize: { takes: [ids: readonly number[]]; gives: number[] }
  formatChat: { takes: [messages: readonly OracleMessage[]]; gives: string }
  forced: { takes: [ids: readonly number[], count: number]; gives: Raw[] }
  greedy: { takes: [prompt: readonly number[], tokens: number, count: number]; gives: Raw[] }
}

export interface OracleMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export class Oracle {
  readonly #browser: Browser
  readonly #server: Server
  readonly #page: Page
  readonly #files: Map<string, Uint8Array | string>
  readonly #log: string[] = []
  #loads = 0

  constructor(browser: Browser, server: Server, page: Page, files: Map<string, Uint8Array | string>) {
    this.#browser = browser
    this.#server = server
    this.#page = page
    this.#files = files
    page.on('console', (message) => {
      this.#log.push(message.text())
      if (this.#log.length > LOG_LINES_KEPT) this.#log.shift()
    })
  }

  /** Unloads what was loaded before. A string is a path. */
  async load(gguf: Uint8Array | string, settings: OracleSettings = {}): Promise<OracleModel> {
    const { positions = POSITIONS_DEFAULT, kv = 'f16', threads = 2 } = settings
    this.#loads += 1
    const path = `/model/${this.#loads}.gguf`
    this.#files.clear()
    this.#files.set(path, gguf)
    const config = { n_ctx: positions, n_threads: threads, cache_type_k: kv, cache_type_v: kv, seed: 1 }
    return this.#call('load', path, config)
  }

  async tokenize(text: string, special: boolean): Promise<number[]> {
    const [ids = []] = await this.tokenizeAll([text], special)
    return ids
  }

  /** Many texts in one trip to the page. `special`: control tokens written in a text become their ids. Adds no bos. */
  async tokenizeAll(texts: readonly string[], special: boolean): Promise<number[][]> {
    return this.#call('tokenize', texts, special)
  }

  /** Raw bytes, which may end inside a character. */
  async detokenize(ids: readonly number[]): Promise<Uint8Array> {
    return Uint8Array.from(await this.#call('detokenize', ids))
  }

  /** llama.cpp's own rendering of the model's chat template, with the generation prompt. */
  async formatChat(messages: readonly OracleMessage[]): Promise<string> {
    return this.#call('formatChat', messages)
  }

  /** `tokens` ids after the prompt; does not stop at end tokens. */
  async greedy(prompt: readonly number[], tokens: number): Promise<number[]> {
    return (await this.greedySteps(prompt, tokens, 1)).map((step) => step.topId)
  }

  /** As `greedy`, with what stood beside each picked token. */
  async greedySteps(prompt: readonly number[], tokens: number, top = TOP_DEFAULT): Promise<OraclePosition[]> {
    return (await this.#call('greedy', prompt, tokens, top)).map(position)
  }

  /** Feeds `ids` one by one from an empty KV: entry i is the prediction after ids[0..i]. */
  async forced(ids: readonly number[], top = TOP_DEFAULT): Promise<OraclePosition[]> {
    return (await this.#call('forced', ids, top)).map(position)
  }

  async close(): Promise<void> {
    await this.#browser.close()
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  async #call<K extends keyof PageCalls>(name: K, ...args: PageCalls[K]['takes']): Promise<PageCalls[K]['gives']> {
    try {
      // A string, not a function: what a TypeScript runner adds to functions does not exist in the page.
      return await this.#page.evaluate(`window.oracle[${JSON.stringify(name)}](...${JSON.stringify(args)})`)
    } catch (error) {
      throw new Error(`llama.cpp: ${name} failed: ${String(error)}\n${this.#log.join('\n')}`)
    }
  }
}

function position(top: Raw): OraclePosition {
  return { topId: top[0]?.[0] ?? -1, top }
}

/** Starts the browser and its page. The caller closes it. */
export async function openOracle(): Promise<Oracle> {
  const library = join(import.meta.dirname, '../../node_modules/wllama-oracle/esm')
  const models = new Map<string, Uint8Array | string>()
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const file =
      path === '/' ? join(import.meta.dirname, 'oracle-page.html') : join(library, path.replace('/wllama/', ''))
    serve(models.get(path) ?? file, response).catch(() => response.writeHead(404).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the oracle page has no port')
  const browser = await launchChromium()
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${address.port}/`)
  await page.waitForFunction('document.title === "ready"')
  return new Oracle(browser, server, page, models)
}

/** Cross-origin isolation is what allows the library its threads. */
async function serve(content: Uint8Array | string, response: ServerResponse): Promise<void> {
  const bytes = typeof content === 'string' ? (await stat(content)).size : content.byteLength
  response.writeHead(200, {
    'content-type': (typeof content === 'string' && TYPES[extname(content)]) || 'application/octet-stream',
    'content-length': bytes,
    'cache-control': 'no-store',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  })
  if (typeof content !== 'string') response.end(content)
  else if (extname(content) === '.gguf') createReadStream(content).pipe(response)
  else response.end(await readFile(content))
}
