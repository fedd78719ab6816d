/** Sentences and figures of credits. Pure; no state, no markup. */

import type { CostView } from '../../app-wallet-view.ts'
import { type EntrySense, type SignatureState, WALLET_MEANING } from '../../app-wallet-view.ts'
import type { WalletEntry } from '../../wire/credit-events.ts'
import { MICRO_PER_CREDIT, type MicroCredits } from '../../wire/ledger-events.ts'
import type { Receipt } from '../../wire/receipt-bytes.ts'
import { formatCount } from '../format.ts'
import { saySpan } from '../mesh/mesh-words.ts'

const HUNDREDTH = MICRO_PER_CREDIT / 100n
const moment = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
const second = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'medium' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** Two decimals under 10, one under 100, none above. Rounded down, so that nobody is shown more than there is; prices up. */
export function formatCredits(micro: MicroCredits, round: 'down' | 'up' = 'down'): string {
  const all = micro < 0n ? -micro : micro
  const sign = micro < 0n ? '\u2212' : ''
  if (all > 0n && all < HUNDREDTH) return `${sign}under 0.01`
  const step =
    all < 10n * MICRO_PER_CREDIT ? HUNDREDTH : all < 100n * MICRO_PER_CREDIT ? 10n * HUNDREDTH : MICRO_PER_CREDIT
  const steps = (all + (round === 'up' ? step - 1n : 0n)) / step
  const rounded = steps * step
  const decimals = step === HUNDREDTH ? 2 : step === MICRO_PER_CREDIT ? 0 : 1
  const fraction = ((rounded % MICRO_PER_CREDIT) / HUNDREDTH).toString().padStart(2, '0').slice(0, decimals)
  const whole = formatCount(Number(rounded / MICRO_PER_CREDIT))
  return sign + (decimals === 0 ? whole : `${whole}.${fraction}`)
}

/** All six places, as it stands in the ledger. */
export function formatExact(micro: MicroCredits): string {
  const text = `${micro / MICRO_PER_CREDIT}.${(micro % MICRO_PER_CREDIT).toString().padStart(6, '0')}`
  return text.replace(/0{1,4}$/, '')
}

/** With what it does to the account; of what only changes its place, without. */
export function formatChange(entry: WalletEntry): string {
  const micro = WALLET_MEANING.amountOf(entry)
  if (isMove(entry)) return formatCredits(micro < 0n ? -micro : micro)
  return micro > 0n ? `+${formatCredits(micro)}` : formatCredits(micro)
}

/** The account has as much as before, in another place. */
export function isMove(entry: WalletEntry): boolean {
  return !['gift', 'lapsed', 'asked', 'earned', 'judged'].includes(WALLET_MEANING.senseOf(entry))
}

export function formatMoment(ms: number): string {
  return moment.format(ms)
}

export function formatSecond(ms: number): string {
  return second.format(ms)
}

export function formatDay(ms: number): string {
  return day.format(ms)
}

const SENSE_WORDS: Readonly<Record<EntrySense, string>> = {
  gift: 'Gift to a device of yours',
  lapsed: 'Gift expired: not spent in time',
  'set-aside': 'Set aside for a request',
  asked: 'Paid for an answer',
  earned: 'Earned by work for others, into escrow',
  'given-back': 'Given back: the request did not need it',
  vested: 'Paid out of escrow: yours to spend',
  disputed: 'Disputed: you and a worker do not agree',
  judged: 'Dispute decided',
}

export function sayEntry(entry: WalletEntry): string {
  return SENSE_WORDS[WALLET_MEANING.senseOf(entry)]
}

const KIND_WORDS: Readonly<Record<Receipt['kind'], string>> = {
  chat: 'a whole answer',
  completion: 'a whole completion',
  embedding: 'vectors of texts',
  stage: 'layers of an answer',
}

/** What was done: `Small-Instruct, layers 1 to 16: 120 tokens read, 80 written`. */
export function sayWork(receipt: Receipt, model: string | null): string {
  const { kind, span, promptTokens, outputTokens } = receipt
  const name = model ?? `Model ${receipt.modelId.slice(0, 8)}`
  const what = kind === 'stage' ? `${name}, ${saySpan(span)}` : name
  return `${what}: ${formatCount(promptTokens)} tokens read, ${formatCount(outputTokens)} written`
}

export function sayKind({ kind }: Receipt): string {
  return KIND_WORDS[kind]
}

/** `none` of the asker is no fault: it may have gone before the end. */
export function saySignature(state: SignatureState, whose: 'worker' | 'asker' | 'acknowledged'): string {
  if (state === 'good') return 'good: checked in this tab'
  if (state === 'bad') return 'not good: it is not the signature of this key under this receipt'
  return whose === 'acknowledged' ? 'nothing was acknowledged' : 'not signed'
}

/** Before a request is sent. */
export function sayCost(cost: CostView): string {
  switch (cost.kind) {
    case 'room':
      return 'Free: your room.'
    case 'paid': {
      const about = `About ${sayCredits(cost.usualMicro, 'up')}, at most ${sayAmount(cost.mostMicro, 'up')}`
      return cost.haveMicro === null ? `${about}.` : `${about}; you have ${sayAmount(cost.haveMicro, 'down')}.`
    }
    case 'short': {
      const limit = `Your request goes behind paid ones, and its answer has at most ${formatCount(cost.outputTokensMax)} tokens.`
      if (cost.haveMicro === 0n) return `No credits. ${limit}`
      const needs = `${sayCredits(cost.heldMicro, 'up')} would be set aside for it; you have ${formatCredits(cost.haveMicro)}.`
      return `${needs} ${limit}`
    }
    default:
      return cost satisfies never
  }
}

export function sayCredits(micro: MicroCredits, round: 'down' | 'up' = 'down'): string {
  return `${sayAmount(micro, round)} ${micro === MICRO_PER_CREDIT ? 'credit' : 'credits'}`
}

/** In a sentence a whole number has no decimals. */
function sayAmount(micro: MicroCredits, round: 'down' | 'up'): string {
  return micro % MICRO_PER_CREDIT === 0n ? formatCount(Number(micro / MICRO_PER_CREDIT)) : formatCredits(micro, round)
}

/** `1 day`, `6 hours`: as the policy has it. */
export function sayDuration(ms: number): string {
  const hours = Math.round(ms / 3_600_000)
  const [count, unit] = hours % 24 === 0 ? [hours / 24, 'day'] : [hours, 'hour']
  return `${formatCount(count)} ${unit}${count === 1 ? '' : 's'}`
}

/** Of 1,000, as a share of 100. */
export function sayPerMille(perMille: bigint): string {
  return `${Number(perMille) / 10} %`
}
