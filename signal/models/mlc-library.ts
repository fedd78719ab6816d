/**
 * Finds the compiled library that belongs to an MLC model. Libraries are in no package registry: an operator names one,
 * or WebLLM's own list does, or one lies beside the weights. Without one the model is refused, with what to do.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isMlcPath } from '../../web/wire/mlc-model.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { MLC_LIBRARY_BYTES_MAX } from '../config.ts'
import { copyFile } from './fetch-file.ts'
import { fetchUrl } from './fetch-url.ts'
import type { MlcOrigin, OriginFile } from './mlc-origin.ts'
import { type LibrarySource, lastPart } from './mlc-source.ts'
import type { WantedFile } from './mlc-work.ts'
import { judgePage, type SourceTools } from './tools.ts'

const NAME_DEFAULT = 'library.wasm'
const NOTHING_KNOWN: Pick<OriginFile, 'sha256' | 'blobId'> = { sha256: null, blobId: null }

/** `chosen` is what the operator named. Refusal: `library-missing`. */
export async function findLibrary(
  chosen: LibrarySource | null,
  origin: MlcOrigin,
  tools: SourceTools,
): Promise<Result<WantedFile>> {
  if (chosen?.kind === 'file') {
    const path = resolve(chosen.path)
    return ok(wantedLibrary(path, NOTHING_KNOWN, (job) => copyFile(path, job)))
  }
  // A folder is complete or it is not: an add from this machine asks the network only when told to.
  const url = chosen?.url ?? (origin.remote ? origin.prebuilt?.library : undefined)
  if (url !== undefined) return ok(wantedLibrary(url, NOTHING_KNOWN, (job) => fetchUrl(url, job, tools)))
  const [only, ...more] = origin.libraries
  if (only === undefined) {
    const listed = origin.prebuilt ? ` WebLLM's list has ${origin.prebuilt.library} for a model of this name.` : ''
    return fail('library-missing', `${origin.name} has no .wasm file.${listed}`)
  }
  if (more.length > 0) {
    return fail('library-missing', `${origin.name} has ${more.length + 1} .wasm files; name one with --library.`)
  }
  const known = await origin.find(only)
  return ok(wantedLibrary(only, known ?? NOTHING_KNOWN, (job) => origin.bring(only, job), known?.bytes))
}

function wantedLibrary(
  from: string,
  { sha256, blobId }: Pick<OriginFile, 'sha256' | 'blobId'>,
  bring: WantedFile['bring'],
  bytes: number | null = null,
): WantedFile {
  const name = lastPart(from)
  return {
    path: isMlcPath(name) && name.endsWith('.wasm') ? name : NAME_DEFAULT,
    bytes,
    bytesMax: MLC_LIBRARY_BYTES_MAX,
    sha256,
    blobId,
    md5: null,
    wrong: 'source-changed',
    judgeStart: (first) => {
      if ('\0asm'.startsWith(Buffer.from(first.subarray(0, 4)).toString('latin1'))) return null
      return judgePage(first) ?? fail('library-missing', `${from} is no WebAssembly module.`)
    },
    bring: async (job) => {
      const brought = await bring(job)
      const absent = !brought.ok && (brought.code === 'source-error-page' || brought.code === 'source-missing')
      return absent ? fail('library-missing', `${from}: ${brought.detail}`) : brought
    },
  }
}

/** A file that an engine could start at all. Whether it fits the model and WebLLM shows only when it runs. */
export async function checkLibrary(place: string, name: string): Promise<Result<null>> {
  const valid = WebAssembly.validate(await readFile(place))
  return valid ? ok(null) : fail('library-missing', `${name} is no WebAssembly module.`)
}
