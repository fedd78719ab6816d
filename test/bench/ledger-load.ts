/**
 * A load of receipts for one ledger: devices with real keys, tickets with holds, receipts that both have signed, all made before
 * the clock starts; and as many settlements by the stored function alone. Decides nothing about what is fast enough.
 */
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { type LedgerDatabase, openLedger } from '../../signal/ledger/database.ts'
import { Journal } from '../../signal/ledger/journal.ts'
import type { LedgerPlace } from '../../signal/ledger/place.ts'
import { burnOf, CREDIT_POLICY, treasuryFloorMicro } from '../../web/rules/credit-policy.ts'
import { parseCreditWish, writeCredits } from '../../web/wire/credit-events.ts'
import { type LedgerEvent, ledgerBodyOf, ledgerIdOf } from '../../web/wire/ledger-events.ts'
import { LEDGER_MICRO_MAX } from '../../web/wire/limits/credits.ts'
import { type Device, signedBy, Town } from '../support/credit-town.ts'

export interface LedgerSpeed {
  readonly settledPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly bareTransfersPerSecond: number
  readonly bareP99Ms: number
  readonly shareOfDatabase: number
}

interface Sent {
  readonly worker: Device
  /** As it comes over the socket. */
  readonly wish: unknown
}

interface Shape {
  readonly receipts: number
  readonly concurrency: number
  readonly rounds: number
}

/** Each asker has one gift: enough for all that it asks. */
const DEVICES = 64
const SMALL_MODEL = 100_000_000
const MICRO = 10_000n

export class LedgerLoad {
  readonly #database: LedgerDatabase
  readonly #journal: Journal
  readonly #town: Town

  constructor(database: LedgerDatabase) {
    this.#database = database
    this.#journal = new Journal(database, CREDIT_POLICY)
    this.#town = new Town(database)
  }

  /** Rounds of both by turns: what else the machine does meanwhile is in both. */
  async measure({ receipts, concurrency, rounds }: Shape): Promise<LedgerSpeed> {
    const devices = await Promise.all(Array.from({ length: DEVICES }, () => this.#town.device()))
    for (const { key } of devices) await this.#grant(key.name)
    const each = Math.floor(receipts / rounds)
    const [settled, bare] = [new Clock(), new Clock()]
    for (let round = 0; round < rounds; round += 1) {
      const sent: Sent[] = []
      const events: LedgerEvent[] = []
      for (let i = 0; i < each; i += 1) {
        sent.push(await this.#receipt(at(devices, i), at(devices, i + 1)))
        events.push(await this.#transfer(at(devices, i), at(devices, i + 1)))
      }
      const prepared = events.map((event) => ({ id: ledgerIdOf(event), body: ledgerBodyOf(event) }))
      await settled.run(sent, concurrency, (one) => this.#settle(one))
      await bare.run(prepared, concurrency, (one) => this.#post(one))
    }
    return {
      settledPerSecond: settled.perSecond,
      p50Ms: settled.percentile(50),
      p99Ms: settled.percentile(99),
      bareTransfersPerSecond: bare.perSecond,
      bareP99Ms: bare.percentile(99),
      shareOfDatabase: settled.perSecond / bare.perSecond,
    }
  }

  /** Before its database is closed. */
  close(): Promise<void> {
    return this.#town.credits.close()
  }

  async #grant(owner: string): Promise<void> {
    const { grantMicro: micro, grantForMs: forMs } = CREDIT_POLICY
    await this.#must({ type: 'grant', device: owner, owner, micro, forMs, atMs: this.#town.nowMs })
  }

  /** Its hold and ticket are in place, its worker has begun, and its asker is done with it: the rest goes back with it. */
  async #receipt(asker: Device, worker: Device): Promise<Sent> {
    const town = this.#town
    const [claims] = await town.hire(asker, [worker], { activeParameters: SMALL_MODEL })
    if (claims?.pay.kind !== 'paid') throw new Error('an asker of the bench has too little')
    await town.wish(worker, { kind: 'began', ticket: claims.id })
    const receipt = await signedBy(worker, asker, town.receipt(claims))
    return { worker, wish: writeCredits({ kind: 'settle', receipt, acknowledged: null }) }
  }

  async #transfer(asker: Device, worker: Device): Promise<LedgerEvent> {
    const atMs = this.#town.nowMs
    const request = randomBytes(16).toString('hex')
    const { holdForMs: forMs, escrowMs } = CREDIT_POLICY
    await this.#must({ type: 'hold', request, owner: asker.key.name, micro: 2n * MICRO, forMs, atMs })
    const amounts = { micro: MICRO, burnMicro: burnOf(CREDIT_POLICY, MICRO), escrowMs, final: false }
    return { type: 'settle', request, part: 0, worker: worker.key.name, ...amounts, atMs }
  }

  async #settle({ worker, wish }: Sent): Promise<void> {
    const read = parseCreditWish(wish)
    const settled = read.ok ? await this.#town.wish(worker, read.value) : read
    if (!settled.ok) throw new Error(`${settled.code} ${settled.detail}`)
  }

  async #post({ id, body }: { readonly id: string; readonly body: string }): Promise<void> {
    const atMs = this.#town.nowMs
    const floor = treasuryFloorMicro(CREDIT_POLICY, atMs)
    const { rows } = await sql<{ code: string }>`
      select ledger_post(${id}, ${atMs}::bigint, ${body}, ${floor}::bigint, ${LEDGER_MICRO_MAX}::bigint) as code
    `.execute(this.#database.kysely)
    if (rows[0]?.code !== 'ok') throw new Error(`${id}: ${rows[0]?.code}`)
  }

  async #must(event: LedgerEvent): Promise<void> {
    const posted = await this.#journal.post(event)
    if (!posted.ok) throw new Error(`${ledgerIdOf(event)}: ${posted.code}`)
  }
}

/** Gifts of a millionth each to ten thousand owners, as the rules would have posted them one by one. */
export async function fillLedger({ kysely }: LedgerDatabase, postings: number): Promise<void> {
  const BATCH = 50_000
  const events = Math.ceil(postings / 2)
  const atMs = CREDIT_POLICY.epochZeroMs
  await sql`insert into balance (owner) select 'o' || n from generate_series(0, 9999) as n`.execute(kysely)
  for (let first = 0; first < events; first += BATCH) {
    const last = Math.min(events, first + BATCH) - 1
    await kysely.transaction().execute(async (transaction) => {
      await sql`
        insert into event (id, type, at_ms, body)
        select 'grant/d' || n, 'grant', ${atMs}::bigint,
          '{"device":"d' || n || '","forMs":0,"micro":"1","owner":"o' || n % 10000 || '","type":"grant"}'
        from generate_series(${first}::integer, ${last}::integer) as n
      `.execute(transaction)
      await sql`
        insert into posting (event, kind, owner, micro)
        select event.seq, line.kind, line.owner, line.micro
        from event, lateral (values ('treasury', '', -1), ('user', body::jsonb ->> 'owner', 1)) as line (kind, owner, micro)
        where event.seq > (select coalesce(max(event), 0) from posting)
      `.execute(transaction)
      await sql`
        insert into grant_given (device, owner, until_ms, left_micro)
        select 'd' || n, 'o' || n % 10000, ${atMs}::bigint, 1 from generate_series(${first}::integer, ${last}::integer) as n
      `.execute(transaction)
    })
  }
}

/** Until the first balance is known. */
export async function startMsOf(place: LedgerPlace): Promise<number> {
  const startMs = performance.now()
  const ledger = await openLedger(place)
  if (!ledger.ok) throw new Error(ledger.code)
  const { user } = await new Journal(ledger.value, CREDIT_POLICY).balance('o1')
  const tookMs = performance.now() - startMs
  await ledger.value.close()
  if (user === 0n) throw new Error('a balance is missing')
  return tookMs
}

/** Counts work that several do at a time, and how long each of it took. */
class Clock {
  readonly #tookMs: number[] = []
  #allMs = 0

  async run<T>(work: readonly T[], concurrency: number, one: (item: T) => Promise<void>): Promise<void> {
    const rest = work[Symbol.iterator]()
    const startMs = performance.now()
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        for (const item of rest) {
          const beganMs = performance.now()
          await one(item)
          this.#tookMs.push(performance.now() - beganMs)
        }
      }),
    )
    this.#allMs += performance.now() - startMs
  }

  get perSecond(): number {
    return (1_000 * this.#tookMs.length) / this.#allMs
  }

  percentile(percent: number): number {
    const sorted = this.#tookMs.toSorted((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0
  }
}

function at<T>(list: readonly T[], index: number): T {
  const one = list[index % list.length]
  if (one === undefined) throw new Error('there are devices')
  return one
}
