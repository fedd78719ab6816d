/**
 * Proves that the receipts of a ledger are what its postings say: each is of a ticket, is what that ticket allows, is signed, and
 * was paid or disputed to the micro-credit; nothing was paid for a ticket without one, and no hold was given back before its
 * time while work that began had none. Reads only.
 */
import { sql, type Transaction } from 'kysely'
import type { CreditPolicy } from '../../web/rules/credit-policy.ts'
import { acknowledgedPart, checkReceipt } from '../../web/rules/receipts.ts'
import {
  acknowledgementFields,
  parseAcknowledgement,
  parseReceipt,
  receiptFields,
} from '../../web/wire/receipt-bytes.ts'
import { parseTicketClaims } from '../../web/wire/tickets.ts'
import { LEDGER_PAGE_EVENTS } from '../config.ts'
import { verifyText } from '../sockets/verify.ts'
import type { LedgerTables } from './tables.ts'

interface ReceiptRow {
  readonly ticket: string
  readonly part: number
  readonly claims: string
  readonly body: string | null
  readonly worker_signature: string | null
  readonly asker_signature: string | null
  readonly acknowledged: string | null
  readonly settled: bigint
  readonly disputed: bigint
  /** Some of its hold went back to the asker. */
  readonly released: boolean
  /** Its worker or its asker has said that it began. */
  readonly began: boolean
  /** Its hold went back by the asker's word, and not by its time. */
  readonly given_back: boolean
}

/** The first contradiction, or how many receipts there are. */
export async function receiptsWrong(
  step: Transaction<LedgerTables>,
  policies: readonly CreditPolicy[],
): Promise<string | number> {
  let [after, receipts] = ['', 0]
  for (;;) {
    const { rows } = await sql<ReceiptRow>`
      select ticket.id as ticket, ticket.part, ticket.claims, ticket.began,
        one.body, one.worker_signature, one.asker_signature, one.acknowledged,
        coalesce((settle.body::jsonb ->> 'micro')::bigint, 0) as settled,
        coalesce((dispute.body::jsonb ->> 'micro')::bigint, 0) as disputed,
        exists (select from event where event.id = 'release/' || ticket.request) as released,
        exists (
          select from event where event.id = 'release/' || ticket.request and not (event.body::jsonb ->> 'expired')::boolean
        ) as given_back
      from ticket
      left join lateral (select * from receipt where receipt.ticket = ticket.id order by signed desc limit 1) as one on true
      left join event as settle on settle.id = 'settle/' || ticket.request || '/' || ticket.part
      left join event as dispute on dispute.id = 'dispute/' || ticket.request || '/' || ticket.part
      where ticket.id > ${after} order by ticket.id limit ${LEDGER_PAGE_EVENTS}
    `.execute(step)
    const last = rows.at(-1)
    if (!last) return receipts
    for (const row of rows) {
      const wrong = await rowWrong(row, policies)
      if (wrong !== null) return `Ticket ${row.ticket}: ${wrong}`
      if (row.body !== null) receipts += 1
    }
    after = last.ticket
  }
}

async function rowWrong(row: ReceiptRow, policies: readonly CreditPolicy[]): Promise<string | null> {
  const { settled, disputed, body, worker_signature: workerSignature, asker_signature: askerSignature } = row
  if (body === null) {
    if (settled + disputed > 0n) return 'it was paid without a receipt.'
    return row.began && row.given_back ? 'it began, and its hold was given back before it had a receipt.' : null
  }
  const claims = parseTicketClaims({ ...(JSON.parse(row.claims) as object), part: row.part })
  const read = parseReceipt({ ...(JSON.parse(body) as object), workerSignature, askerSignature })
  if (!claims.ok || !read.ok) return 'it cannot be read.'
  const { receipt } = read.value
  const checked = checkReceipt(receipt, claims.value, policies)
  if (!checked.ok) return `its receipt may not be (${checked.code}).`
  const fields = receiptFields(receipt)
  if (!(await verifyText(receipt.worker, 'receipt', fields, workerSignature ?? '')))
    return 'its worker has not signed the receipt.'
  if (askerSignature !== null && !(await verifyText(receipt.asker, 'receipt', fields, askerSignature)))
    return 'its asker has not signed the receipt.'
  // Only where nothing was left of what was set aside is less paid than the work costs.
  const isShort = settled + disputed < receipt.micro && !row.released
  if (settled + disputed !== receipt.micro && !isShort)
    return `its receipt says ${receipt.micro}; ${settled} was paid and ${disputed} disputed.`
  if (row.acknowledged === null) return askerSignature === null ? 'nobody has acknowledged anything.' : null
  const word = parseAcknowledgement(JSON.parse(row.acknowledged))
  if (!word.ok || !acknowledgedPart(receipt, word.value.acknowledgement).ok)
    return 'what was acknowledged is other work.'
  const { acknowledgement, signature } = word.value
  const good = await verifyText(receipt.asker, 'acknowledge', acknowledgementFields(acknowledgement), signature)
  return good ? null : 'its asker has not signed what was acknowledged.'
}
