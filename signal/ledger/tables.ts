/** The ledger's tables as kysely knows them. What they mean is said in `migrations/`. 64-bit integers are `bigint`. */
import type { ColumnType, Generated } from 'kysely'

type Kept<T> = ColumnType<T, T, never>

export interface LedgerTables {
  migration: { name: Kept<string>; sha256: Kept<string> }
  event: { seq: Generated<bigint>; id: Kept<string>; type: Kept<string>; at_ms: Kept<bigint>; body: Kept<string> }
  posting: {
    seq: Generated<bigint>
    event: Kept<bigint>
    kind: Kept<string>
    owner: Kept<string>
    micro: Kept<bigint>
  }
  balance: {
    owner: string
    user_micro: bigint
    hold_micro: bigint
    escrow_micro: bigint
    dispute_micro: bigint
  }
  treasury: { micro: bigint }
  grant_given: { device: string; owner: string; until_ms: bigint; left_micro: bigint }
  hold: { request: string; owner: string; until_ms: bigint; left_micro: bigint; ended: boolean }
  settlement: {
    request: string
    part: number
    worker: string
    micro: bigint
    vest_ms: bigint
    vested: boolean
  }
  dispute: { request: string; part: number; worker: string; owner: string; micro: bigint; ended: boolean }
  ticket: {
    id: Kept<string>
    request: Kept<string>
    part: Kept<number>
    asker_owner: Kept<string>
    worker_owner: Kept<string>
    claims: Kept<string>
    issued_ms: Kept<bigint>
    began: ColumnType<boolean, never, boolean>
  }
  request_over: { request: string; at_ms: bigint }
  receipt: {
    ticket: Kept<string>
    signed: Kept<boolean>
    body: Kept<string>
    worker_signature: Kept<string>
    asker_signature: Kept<string | null>
    acknowledged: Kept<string | null>
    at_ms: Kept<bigint>
  }
  partner: {
    id: Kept<string>
    made_ms: Kept<bigint>
    revoked_ms: bigint | null
    payer: string | null
    daily_micro: bigint
    body: string
  }
  partner_request: { request: string; partner: string; day: number; held_micro: bigint }
  partner_day: { partner: string; day: number; requests: bigint; held_micro: bigint; back_micro: bigint }
  sanction: {
    id: Kept<string>
    subject: Kept<string>
    reason: Kept<string>
    made_ms: Kept<bigint>
    until_ms: Kept<bigint | null>
    lifted_ms: bigint | null
  }
  announcement: {
    id: Kept<string>
    level: Kept<string>
    text: Kept<string>
    made_ms: Kept<bigint>
    until_ms: Kept<bigint>
    ended_ms: bigint | null
  }
}
