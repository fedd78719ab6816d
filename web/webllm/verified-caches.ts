/**
 * The only way for bytes of a model into WebLLM: a `CacheStorage` and a `fetch` for its worker that know the files of
 * one model and nothing else below `base`. WebLLM believes that every file is in its cache, asks for it there and keeps
 * no copy of its own; what it gets was verified on its way out of ours. Nothing here is stored.
 */
import type { MlcFiles } from '../weights/mlc-files.ts'
import { MLC_TENSOR_LISTS } from '../wire/mlc-model.ts'
import { assert, type Failure, FailureError, fail } from '../wire/result.ts'

export interface VerifiedCaches {
  readonly caches: Pick<CacheStorage, 'open'>
  readonly fetch: typeof fetch
  /** The first file that could not be had. WebLLM wraps errors of its cache in its own; this one is the cause. */
  readonly failure: Failure | null
}

export interface VerifiedCachesOptions {
  /** Ends with a slash. No request ever goes there: it only has to be unlike every other address. */
  readonly base: string
  readonly signal: AbortSignal
  /** Called for each file that was handed over. */
  readonly onRead: (path: string, bytes: number) => void
}

/** The runtime asks for the newer name only. */
function pathOf(url: string, base: string, files: MlcFiles): string {
  const path = decodeURIComponent(url.slice(base.length))
  const has = (name: string) => files.files.some((file) => file.path === name)
  const [now, before] = MLC_TENSOR_LISTS
  return path === now && !has(now) && has(before) ? before : path
}

export function verifiedCaches(files: MlcFiles, options: VerifiedCachesOptions): VerifiedCaches {
  const { base, signal, onRead } = options
  let failure: Failure | null = null
  const network = globalThis.fetch.bind(globalThis)

  const urlOf = (request: RequestInfo | URL) => (request instanceof Request ? request.url : new URL(request).href)

  async function read(url: string): Promise<Uint8Array<ArrayBuffer>> {
    const path = pathOf(url, base, files)
    const bytes = await files.read(path, signal)
    if (bytes.ok) {
      onRead(path, bytes.value.length)
      return bytes.value
    }
    failure ??= bytes
    throw new FailureError(bytes)
  }

  /** Reads when somebody wants the body: WebLLM asks twice for every file and drops the first response. */
  function respond(url: string): Response {
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          controller.enqueue(await read(url))
          controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body)
  }

  const cache = {
    match: async (request: RequestInfo | URL) => {
      const url = urlOf(request)
      return url.startsWith(base) ? respond(url) : undefined
    },
    // Everything is there already: what is not below `base` is no file of the model.
    add: async (request: RequestInfo | URL) => {
      failure ??= fail('source-missing', `WebLLM asked for ${urlOf(request)}.`)
      throw new FailureError(failure)
    },
    keys: async () => files.files.map(({ path }) => new Request(new URL(path, base))),
    delete: async () => false,
  }

  return {
    caches: { open: async () => cache as unknown as Cache },
    fetch: async (input, init) => {
      const url = urlOf(input)
      return url.startsWith(base) ? respond(url) : network(input, init)
    },
    get failure() {
      return failure
    },
  }
}

/** Puts them in the place of the worker's own, for good: a worker serves one model. */
export function installVerifiedCaches(scope: typeof globalThis, verified: VerifiedCaches): void {
  for (const [name, value] of Object.entries({ caches: verified.caches, fetch: verified.fetch })) {
    Object.defineProperty(scope, name, { value, configurable: true, writable: true })
    assert(Reflect.get(scope, name) === value, `${name} is the verified one`)
  }
}
