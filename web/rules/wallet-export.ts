/**
 * A wallet as files that a person takes away: JSON with everything, and CSV with a line for each entry of the history. Amounts are
 * exact decimal text of credits; what is signed stays as it was signed. Pure.
 */
import { type Wallet, type WalletEntry, writeCredits } from '../wire/credit-events.ts'
import { MICRO_PER_CREDIT, type MicroCredits } from '../wire/ledger-events.ts'
import type { Receipt } from '../wire/receipt-bytes.ts'
import { type DayFigures, movedOf, netOf, senseOf } from './wallet.ts'

export interface WalletExport {
  readonly exportedMs: number
  readonly wallet: Wallet
  readonly days: readonly DayFigures[]
  readonly entries: readonly WalletEntry[]
  /** False where the history is longer than one export. */
  readonly whole: boolean
  /** Null where no model of this id is known here. */
  readonly nameOf: (modelId: string) => string | null
}

/** `-1.890000`: all six places, so that nothing is lost and columns line up. */
export function exactCredits(micro: MicroCredits): string {
  const all = micro < 0n ? -micro : micro
  return `${micro < 0n ? '-' : ''}${all / MICRO_PER_CREDIT}.${(all % MICRO_PER_CREDIT).toString().padStart(6, '0')}`
}

export function walletJson({ exportedMs, wallet, days, entries, whole, nameOf }: WalletExport): string {
  const { owner, userMicro, heldMicro, escrowMicro, disputedMicro, grant, held, escrows, disputes, policy } = wallet
  const part = (one: { readonly request: string; readonly micro: MicroCredits }) => {
    const { micro, ...rest } = one
    return { ...rest, credits: exactCredits(micro) }
  }
  const file = {
    format: 'weft-credits/1',
    exported: timeOf(exportedMs),
    policy,
    account: owner,
    credits: {
      toSpend: exactCredits(userMicro),
      setAside: exactCredits(heldMicro),
      inEscrow: exactCredits(escrowMicro),
      disputed: exactCredits(disputedMicro),
    },
    gift: grant ? { left: exactCredits(grant.leftMicro), until: timeOf(grant.untilMs) } : null,
    setAside: held.map(({ untilMs, ...one }) => ({ ...part(one), until: timeOf(untilMs) })),
    inEscrow: escrows.map(({ vestMs, ...one }) => ({ ...part(one), from: timeOf(vestMs) })),
    disputed: disputes.map(part),
    days: days.map(({ dayMs, earnedMicro, spentMicro, tokens }) => ({
      from: timeOf(dayMs),
      earned: exactCredits(earnedMicro),
      spent: exactCredits(spentMicro),
      tokensForOthers: tokens,
    })),
    historyIsWhole: whole,
    history: entries.map((entry) => ({
      seq: entry.seq,
      at: timeOf(entry.atMs),
      type: entry.type,
      meaning: senseOf(entry),
      request: entry.request,
      part: entry.part,
      change: exactCredits(netOf(entry)),
      moved: Object.fromEntries(entry.lines.map(({ kind, micro }) => [kind, exactCredits(micro)])),
      model: entry.receipt ? nameOf(entry.receipt.receipt.modelId) : null,
      receipt: entry.receipt ? writeCredits(entry.receipt) : null,
      acknowledged: entry.acknowledged,
    })),
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

const RECEIPT_FIELDS = [
  'kind',
  'ticket',
  'asker',
  'worker',
  'modelId',
  'promptTokens',
  'reusedTokens',
  'outputTokens',
  'chainIn',
  'chainOut',
  'policy',
  'nonce',
] as const satisfies readonly (keyof Receipt)[]

const COLUMNS = [
  ...['seq', 'at', 'type', 'meaning', 'request', 'part', 'change', 'toSpend', 'setAside', 'inEscrow', 'disputed'],
  ...['model', 'firstLayer', 'lastLayer', 'began', 'ended', 'price'],
  ...RECEIPT_FIELDS,
  ...['workerSignature', 'askerSignature', 'acknowledgedTokens', 'acknowledgedChain', 'acknowledgedSignature'],
] as const

/** Lines as RFC 4180 has them. */
export function walletCsv({ entries, nameOf }: Pick<WalletExport, 'entries' | 'nameOf'>): string {
  const rows = entries.map((entry) => {
    const { seq, atMs, type, request, part, receipt: signed, acknowledged } = entry
    const receipt = signed?.receipt
    const moved = (['user', 'hold', 'escrow', 'dispute'] as const).map((kind) => exactCredits(movedOf(entry, kind)))
    const work = receipt
      ? [nameOf(receipt.modelId), receipt.span.first + 1, receipt.span.last, timeOf(receipt.beganMs)]
      : [null, null, null, null]
    const paid = receipt ? [timeOf(receipt.endedMs), exactCredits(receipt.micro)] : [null, null]
    const said = acknowledged?.acknowledgement
    return [
      ...[seq, timeOf(atMs), type, senseOf(entry), request, part, exactCredits(netOf(entry)), ...moved],
      ...[...work, ...paid],
      ...RECEIPT_FIELDS.map((field) => receipt?.[field] ?? null),
      ...[signed?.workerSignature, signed?.askerSignature],
      ...[said?.outputTokens, said?.chain, acknowledged?.signature],
    ]
  })
  return [COLUMNS, ...rows].map((row) => `${row.map(cellOf).join(',')}\r\n`).join('')
}

/** A sheet would compute what begins like a formula; a plain number is none. */
export function cellOf(value: string | number | null | undefined): string {
  const text = value === null || value === undefined ? '' : String(value)
  const plain = /^-?\d+(\.\d+)?$/.test(text)
  const safe = !plain && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
