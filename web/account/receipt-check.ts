/**
 * Whether the signatures under a receipt hold: its worker's, its asker's, and the one under what was acknowledged of it. Believes
 * neither side nor the server; whether the price is right is `rules/receipts.ts`.
 */
import { acknowledgedPart } from '../rules/receipts.ts'
import { fromBase64Url, type PublicKeyText, type Purpose, parsePublicKey } from '../wire/device-keys.ts'
import {
  acknowledgementFields,
  receiptFields,
  type SignedAcknowledgement,
  type SignedReceipt,
} from '../wire/receipt-bytes.ts'
import { verifySigned } from './device-key.ts'

/** `none`: there is no such signature. */
export type SignatureState = 'good' | 'bad' | 'none'

export interface ReceiptCheck {
  readonly worker: SignatureState
  readonly asker: SignatureState
  /** `bad` also where the word is of other work. */
  readonly acknowledged: SignatureState
}

export async function checkSignatures(
  { receipt, workerSignature, askerSignature }: SignedReceipt,
  acknowledged: SignedAcknowledgement | null,
): Promise<ReceiptCheck> {
  const fields = receiptFields(receipt)
  const ofAsker = askerSignature !== null && (await holds(receipt.asker, 'receipt', fields, askerSignature))
  return {
    worker: said(await holds(receipt.worker, 'receipt', fields, workerSignature)),
    asker: askerSignature === null ? 'none' : said(ofAsker),
    acknowledged: acknowledged ? said(await isAcknowledged(receipt, acknowledged)) : 'none',
  }
}

async function isAcknowledged(
  receipt: SignedReceipt['receipt'],
  { acknowledgement, signature }: SignedAcknowledgement,
): Promise<boolean> {
  if (!acknowledgedPart(receipt, acknowledgement).ok) return false
  return holds(acknowledgement.asker, 'acknowledge', acknowledgementFields(acknowledgement), signature)
}

async function holds(by: PublicKeyText, purpose: Purpose, fields: readonly string[], text: string): Promise<boolean> {
  const [key, signature] = [parsePublicKey(by), fromBase64Url(text)]
  return key.ok && signature !== null && verifySigned(key.value, purpose, fields, signature)
}

function said(good: boolean): SignatureState {
  return good ? 'good' : 'bad'
}
