/** Entries of a wallet's history for tests, as the ledger would make them. */
import type { WalletEntry, WalletLine } from '../../web/wire/credit-events.ts'

type Moved = Readonly<Partial<Record<WalletLine['kind'], bigint>>>

export function entryOf(type: WalletEntry['type'], moved: Moved, more: Partial<WalletEntry> = {}): WalletEntry {
  const lines = Object.entries(moved).map(([kind, micro]) => ({ kind: kind as WalletLine['kind'], micro }))
  const about = { seq: 1, atMs: 0, request: 'ab'.repeat(16), part: 0, receipt: null, acknowledged: null }
  return { ...about, type, lines, ...more }
}
