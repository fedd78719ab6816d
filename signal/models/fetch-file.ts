/**
 * Copies a model file that lies on this machine. A copy and not a link: the mirror's file must not change when the
 * operator's does. A file that is no model is refused before its gigabytes are copied.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fail, ok } from '../../web/wire/result.ts'
import { fileBytes, roomFor, writeFailure } from './disk.ts'
import { inspectGguf } from './inspect.ts'
import type { FetchJob, FetchResult } from './tools.ts'

const BLOCK_BYTES = 1024 * 1024

export async function fetchFile(path: string, job: FetchJob): FetchResult {
  if ((await fileBytes(path)) === null) return fail('source-missing', `No file at ${path}.`)
  const facts = await inspectGguf(path)
  return facts.ok ? copyFile(path, job) : facts
}

/** Any file, whatever is in it. A symbolic link is followed: hubs keep their files behind such links. */
export async function copyFile(path: string, job: FetchJob): FetchResult {
  const bytes = await fileBytes(path)
  if (bytes === null) return fail('source-missing', `No file at ${path}.`)
  const room = await roomFor(dirname(job.part), bytes)
  if (!room.ok) return room
  let done = 0
  const from = createReadStream(path, { highWaterMark: BLOCK_BYTES })
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      yield chunk
      done += chunk.length
      job.onFetch(done, bytes)
    }
  }
  try {
    await pipeline(from, counted, createWriteStream(job.part), { signal: job.signal })
  } catch (error) {
    if (job.signal.aborted) return fail('aborted', 'The copy was not finished.')
    return writeFailure(error)
  }
  return ok(null)
}
