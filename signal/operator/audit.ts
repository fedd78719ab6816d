/**
 * What was done as the operator of this server: lines of JSON in one file of the data folder, only ever added to. Each has the
 * hash of the one before, so that a line that was changed or taken out shows. A file and not the ledger: it has to be written
 * also while that one is away, and holds no money. It does not decide who the operator is.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { KIB } from '../../web/wire/limits/units.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { AUDIT_KEPT_MAX, AUDIT_SUBJECT_CHARACTERS_MAX } from '../config.ts'
import { errorWords } from '../models/disk.ts'

const FILE = 'operator.jsonl'
const LINE_END = 0x0a
/** Read at once while the end of the last line is looked for: far more than a line has. */
const AUDIT_PIECE_BYTES = 64 * KIB

/** The whole list. */
export const OPERATOR_ACTIONS = [
  'server-started',
  'server-draining',
  'audit-read',
  'partner-made',
  'partner-changed',
  'partner-revoked',
  'sanction-made',
  'sanction-lifted',
  'announcement-made',
  'announcement-ended',
] as const
export type OperatorAction = (typeof OPERATOR_ACTIONS)[number]

export interface AuditLine {
  /** From 1. */
  readonly number: number
  readonly atMs: number
  readonly action: OperatorAction
  /** What it was done to; empty for the server itself. */
  readonly subject: string
  /** SHA-256 of the line before, in hexadecimal; of nothing for the first. */
  readonly before: string
}

export class Audit {
  readonly #file: FileHandle
  readonly #nowMs: () => number
  /** The newest, oldest first. */
  readonly #kept: AuditLine[] = []
  #number = 0
  #before = hashOf('')
  /** The next line would go on where one was cut. */
  #isBroken = false
  /** The first line that does not follow from the one before it; null where all do. */
  damagedAt: number | null = null
  /** Writes go one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(file: FileHandle, nowMs: () => number) {
    this.#file = file
    this.#nowMs = nowMs
  }

  /** A line that a crash has cut was never said to be kept: it is taken off. What else is wrong stays as it is. */
  static async open(dataDir: string, nowMs: () => number): Promise<Audit> {
    await mkdir(dataDir, { recursive: true })
    const path = join(dataDir, FILE)
    const file = await open(path, 'a+', 0o600)
    const audit = new Audit(file, nowMs)
    const { size } = await file.stat()
    // By bytes: what is no text has another length once it is read as such.
    const whole = await afterLastLine(file, size)
    if (whole < size) await file.truncate(whole)
    if (whole === 0) return audit
    const input = file.createReadStream({ start: 0, end: whole - 1, autoClose: false })
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) audit.#take(text)
    return audit
  }

  /** When this resolves well it is on the disk: only then is the thing done. Refusals: `not-kept`. */
  record(action: OperatorAction, subject = ''): Promise<Result<null>> {
    const done = this.#last.then(async () => {
      if (subject.length > AUDIT_SUBJECT_CHARACTERS_MAX) return fail('request-invalid', 'The subject is too long.')
      const line = { number: this.#number + 1, atMs: this.#nowMs(), action, subject, before: this.#before }
      const text = JSON.stringify(line satisfies AuditLine)
      if (this.#isBroken) return fail('not-kept', 'A line was cut, and the rest of it is still there.')
      let size: number | null = null
      try {
        size = (await this.#file.stat()).size
        await this.#file.appendFile(`${text}\n`)
        await this.#file.datasync()
      } catch (error) {
        if (size !== null)
          await this.#file.truncate(size).catch(() => {
            this.#isBroken = true
          })
        return fail('not-kept', errorWords(error))
      }
      this.#take(text)
      return ok(null)
    })
    this.#last = done.catch(() => {})
    return done
  }

  /** The newest first; those before this number where one is given. */
  read(before: number | null, many: number): readonly AuditLine[] {
    const older = this.#kept.filter(({ number }) => before === null || number < before)
    return older.slice(-many).reverse()
  }

  async close(): Promise<void> {
    await this.#last
    await this.#file.close()
  }

  #take(text: string): void {
    const line = readLine(text)
    this.#number += 1
    if (!line || line.number !== this.#number || line.before !== this.#before) this.damagedAt ??= this.#number
    this.#before = hashOf(text)
    if (!line) return
    this.#kept.push(line)
    if (this.#kept.length > AUDIT_KEPT_MAX) this.#kept.shift()
  }
}

/** The place after the last end of a line; 0 where there is none. */
async function afterLastLine(file: FileHandle, size: number): Promise<number> {
  const piece = Buffer.alloc(Math.min(size, AUDIT_PIECE_BYTES))
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - piece.length)
    const { bytesRead } = await file.read(piece, 0, end - start, start)
    const at = piece.subarray(0, bytesRead).lastIndexOf(LINE_END)
    if (at >= 0) return start + at + 1
    end = start
  }
  return 0
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function readLine(text: string): AuditLine | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (value === null || typeof value !== 'object') return null
  const { number, atMs, action, subject, before } = value as Partial<Record<keyof AuditLine, unknown>>
  const known = OPERATOR_ACTIONS.find((name) => name === action)
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(atMs) || known === undefined) return null
  if (typeof subject !== 'string' || subject.length > AUDIT_SUBJECT_CHARACTERS_MAX || typeof before !== 'string')
    return null
  return { number: Number(number), atMs: Number(atMs), action: known, subject, before }
}
