/**
 * Where receipts, and words of work that began and of requests that are over, lie until the server has them: in the browser's
 * database, which all its tabs share; where that is refused, for this page only. Sends nothing.
 */
import { openDB } from 'idb'
import { type CreditWord, parseCreditWish } from '../wire/credit-events.ts'
import { CREDIT_WORDS_MAX, RECEIPTS_WAITING_MAX } from '../wire/limits/credits.ts'
import { PEER_ID_CHARACTERS_MAX } from '../wire/limits/mesh.ts'
import { TIME_MS_MAX } from '../wire/limits/units.ts'
import {
  parseAcknowledgement,
  parseReceipt,
  type SignedAcknowledgement,
  type SignedReceipt,
  writeReceipt,
} from '../wire/receipt-bytes.ts'
import { BrowserShelf, MemoryShelf, type OutboxKind, type OutboxSchema, type OutboxShelf } from './outbox-shelf.ts'

export const OUTBOX_DATABASE = 'weft-receipts'
const VERSION = 2

export interface KeptReceipt {
  readonly signed: SignedReceipt
  readonly acknowledged: SignedAcknowledgement | null
  /** Names the tab that still works on it; null where the work is over. */
  readonly draftOf: string | null
  readonly keptMs: number
}

export interface KeptWord {
  readonly word: CreditWord
  /** Who says it, as long as it is there. */
  readonly tab: string
  /** To be said only once that tab is gone. */
  readonly draft: boolean
  readonly keptMs: number
}

/** One receipt of each ticket, and `RECEIPTS_WAITING_MAX` of them; one word of what it is about, and `CREDIT_WORDS_MAX`. */
export interface OutboxStore {
  readonly receipts: OutboxShelf<KeptReceipt>
  readonly words: OutboxShelf<KeptWord>
}

interface ReceiptRow {
  readonly ticket: string
  readonly receipt: string
  readonly acknowledged: SignedAcknowledgement | null
  readonly draftOf: string | null
  readonly keptMs: number
}

type WordRow = KeptWord & { readonly name: string }

const RECEIPTS: OutboxKind<KeptReceipt, ReceiptRow> = {
  table: 'receipts',
  max: RECEIPTS_WAITING_MAX,
  rowOf: ({ signed, acknowledged, draftOf, keptMs }) => {
    return { ticket: signed.receipt.ticket, receipt: writeReceipt(signed), acknowledged, draftOf, keptMs }
  },
  nameOf: ({ ticket }) => ticket,
  read: readReceipt,
  isSame: (a, b) =>
    a.receipt === b.receipt && a.draftOf === b.draftOf && a.acknowledged?.signature === b.acknowledged?.signature,
}

const WORDS: OutboxKind<KeptWord, WordRow> = {
  table: 'words',
  max: CREDIT_WORDS_MAX,
  rowOf: (kept) => ({ ...kept, name: `${kept.word.kind}/${aboutOf(kept.word)}` }),
  nameOf: ({ name }) => name,
  read: readWord,
  isSame: (a, b) => a.draft === b.draft && a.tab === b.tab && JSON.stringify(a.word) === JSON.stringify(b.word),
}

/** For a browser that keeps nothing. */
export function memoryOutboxStore(): OutboxStore {
  return { receipts: new MemoryShelf(RECEIPTS), words: new MemoryShelf(WORDS) }
}

/** What this browser allows. Never throws. */
export async function openOutboxStore(): Promise<OutboxStore> {
  try {
    const database = await openDB<OutboxSchema>(OUTBOX_DATABASE, VERSION, {
      upgrade(opened, from) {
        if (from < 1) opened.createObjectStore('receipts', { keyPath: 'ticket' }).createIndex('keptMs', 'keptMs')
        opened.createObjectStore('words', { keyPath: 'name' }).createIndex('keptMs', 'keptMs')
      },
      // A page with a newer schema waits for this one: let it through.
      blocking: (_current, _next, event) => (event.target as IDBDatabase).close(),
    })
    return { receipts: new BrowserShelf(RECEIPTS, database), words: new BrowserShelf(WORDS, database) }
  } catch {
    return memoryOutboxStore()
  }
}

function readReceipt(value: unknown): KeptReceipt | null {
  if (value === null || typeof value !== 'object') return null
  const { receipt, acknowledged, draftOf, keptMs } = value as Record<string, unknown>
  const signed = typeof receipt === 'string' ? parseReceipt(jsonOf(receipt)) : null
  const word = acknowledged === null ? null : parseAcknowledgement(acknowledged)
  if (!signed?.ok || word?.ok === false || (draftOf !== null && !isTab(draftOf)) || !isTime(keptMs)) return null
  return { signed: signed.value, acknowledged: word?.value ?? null, draftOf, keptMs }
}

function readWord(value: unknown): KeptWord | null {
  if (value === null || typeof value !== 'object') return null
  const { word, tab, draft, keptMs } = value as Record<string, unknown>
  const read = parseCreditWish(word)
  if (!read.ok || (read.value.kind !== 'began' && read.value.kind !== 'over')) return null
  if (!isTab(tab) || typeof draft !== 'boolean' || !isTime(keptMs)) return null
  return { word: read.value, tab, draft, keptMs }
}

function aboutOf(word: CreditWord): string {
  return word.kind === 'began' ? word.ticket : word.request
}

function isTab(value: unknown): value is string {
  return typeof value === 'string' && value.length <= PEER_ID_CHARACTERS_MAX
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= TIME_MS_MAX
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
