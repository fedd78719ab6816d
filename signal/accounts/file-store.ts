/**
 * Chains of accounts in one file of the data folder, one line of JSON for each change; lines are only added. A file with lines
 * that say nothing (cut by a crash, damaged, of forgotten accounts) is written anew, beside the old one, and put in its place.
 * One server a folder. Verifies no signature.
 */
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type AccountChain,
  type AccountId,
  type AccountStatement,
  parseAccountChains,
} from '../../web/wire/accounts.ts'
import { ACCOUNT_STATEMENTS_MAX } from '../../web/wire/limits/rooms.ts'
import { EVENT_BYTES_MAX } from '../../web/wire/limits/signalling.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { ACCOUNT_LINES_LOST_MAX } from '../config.ts'
import { errorCode, errorWords, syncToDisk } from '../models/disk.ts'
import type { AccountStore } from './store.ts'

const FILE = 'accounts.jsonl'
const NEWLINE = 0x0a

/** One change: statements that follow those before, or that nothing of the account is kept any more. */
type Line = AccountChain | { readonly account: AccountId; readonly forgotten: true }

export class FileAccountStore implements AccountStore {
  readonly #path: string
  /** As the file has them. */
  readonly #chains = new Map<AccountId, readonly AccountStatement[]>()
  #file: FileHandle | null = null
  /** Lines that say nothing any more. */
  #lost = 0
  /** Writes go one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(dataDir: string) {
    this.#path = join(dataDir, FILE)
  }

  async open(): Promise<readonly AccountChain[]> {
    await mkdir(dirname(this.#path), { recursive: true })
    for await (const text of linesOf(this.#path)) this.#read(text)
    if (this.#lost > 0) await this.#writeAnew()
    else this.#file = await open(this.#path, 'a')
    return [...this.#chains].map(([account, statements]) => ({ account, statements }))
  }

  keep({ account, statements }: AccountChain): Promise<Result<null>> {
    return this.#inTurn(async () => {
      const known = this.#chains.get(account) ?? []
      const fresh = statements.slice(known.length)
      if (fresh.length === 0) return
      await this.#append({ account, statements: fresh })
      this.#chains.set(account, statements)
    })
  }

  async forget(account: AccountId): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#chains.has(account)) return
      await this.#append({ account, forgotten: true })
      this.#chains.delete(account)
      this.#lost += 2
      if (this.#lost > ACCOUNT_LINES_LOST_MAX) await this.#writeAnew()
    })
  }

  async close(): Promise<void> {
    await this.#last
    await this.#file?.close()
    this.#file = null
  }

  #read(text: string): void {
    const line = readLine(text)
    const known = line && this.#chains.get(line.account)
    if (!line) this.#lost += 1
    else if ('forgotten' in line) {
      this.#chains.delete(line.account)
      this.#lost += 2
    } else if (line.statements[0]?.number !== (known?.length ?? 0) + 1) this.#lost += 1
    else this.#chains.set(line.account, [...(known ?? []), ...line.statements])
  }

  async #append(line: Line): Promise<void> {
    if (!this.#file) throw new Error('The accounts are not open.')
    await this.#file.appendFile(`${JSON.stringify(line)}\n`)
    await this.#file.datasync()
  }

  /** What is half written has no place in the file: its old content stays until the new one is whole. */
  async #writeAnew(): Promise<void> {
    const beside = `${this.#path}.new`
    const file = await open(beside, 'w')
    try {
      for (const [account, statements] of this.#chains) {
        await file.appendFile(`${JSON.stringify({ account, statements } satisfies Line)}\n`)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, this.#path)
    await syncToDisk(dirname(this.#path))
    await this.#file?.close()
    this.#file = await open(this.#path, 'a')
    this.#lost = 0
  }

  #inTurn(work: () => Promise<void>): Promise<Result<null>> {
    const done = this.#last.then(work).then(
      () => ok(null),
      // What a failed write has left in the file is a line that says nothing; the next one must not be joined to it.
      async (error: unknown) => {
        await this.#file?.appendFile('\n').catch(() => {})
        this.#lost += 1
        return fail('not-kept', errorWords(error))
      },
    )
    this.#last = done
    return done
  }
}

/** Whole lines only, none of them larger than an event can be: the rest is given as an empty one, which says nothing. */
async function* linesOf(path: string): AsyncGenerator<string, void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  let tooLong = false
  for await (const chunk of chunksOf(path)) {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const line = Buffer.concat([rest, chunk.subarray(from, end)])
      yield tooLong || line.length > EVENT_BYTES_MAX ? '' : line.toString('utf8')
      rest = Buffer.alloc(0)
      tooLong = false
      from = end + 1
    }
    rest = Buffer.concat([rest, chunk.subarray(from)])
    if (rest.length <= EVENT_BYTES_MAX) continue
    tooLong = true
    rest = Buffer.alloc(0)
  }
  if (rest.length > 0 || tooLong) yield ''
}

async function* chunksOf(path: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    const file = await open(path, 'r')
    for await (const chunk of file.createReadStream()) yield chunk as Buffer
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

function readLine(text: string): Line | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (value === null || typeof value !== 'object') return null
  const isForgotten = 'forgotten' in value && value.forgotten === true
  const chains = parseAccountChains([isForgotten ? { ...value, statements: [] } : value])
  const chain = chains.ok ? chains.value[0] : undefined
  if (!chain) return null
  if (isForgotten) return { account: chain.account, forgotten: true }
  return chain.statements.length > 0 && chain.statements.length <= ACCOUNT_STATEMENTS_MAX ? chain : null
}
