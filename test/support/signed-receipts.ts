/** Receipts and acknowledgements with signatures of real keys, of work that nobody did. */
import { DeviceKey, makeKey } from '../../web/account/device-key.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import {
  acknowledgementFields,
  type Receipt,
  receiptFields,
  type SignedAcknowledgement,
  type SignedReceipt,
} from '../../web/wire/receipt-bytes.ts'

const head = (letter: string) => `${letter.repeat(42)}A`

export interface Sides {
  readonly asker: DeviceKey
  readonly worker: DeviceKey
}

export async function twoSides(): Promise<Sides> {
  return { asker: await DeviceKey.of(await makeKey()), worker: await DeviceKey.of(await makeKey()) }
}

export function receiptBetween({ asker, worker }: Sides, more: Partial<Receipt> = {}): Receipt {
  return {
    kind: 'chat',
    request: 'ab'.repeat(16),
    part: 0,
    ticket: 'cd'.repeat(16),
    asker: asker.name,
    worker: worker.name,
    modelId: '1'.padStart(64, '0'),
    span: { first: 0, last: 30 },
    promptTokens: 120,
    reusedTokens: 20,
    outputTokens: 80,
    chainIn: head('c'),
    chainOut: head('c'),
    beganMs: 1_790_000_000_000,
    endedMs: 1_790_000_004_200,
    micro: 12_150n,
    policy: 1,
    nonce: `${'n'.repeat(21)}A`,
    ...more,
  }
}

/** `by`: who signs for the asker; null for nobody. */
export async function signedBy(
  receipt: Receipt,
  { worker }: Sides,
  by: Pick<DeviceKey, 'sign'> | null,
): Promise<SignedReceipt> {
  const fields = receiptFields(receipt)
  return {
    receipt,
    workerSignature: toBase64Url(await worker.sign('receipt', fields)),
    askerSignature: by ? toBase64Url(await by.sign('receipt', fields)) : null,
  }
}

export async function acknowledgedBy(
  { request, part, ticket, asker, worker, chainIn: chain }: Receipt,
  outputTokens: number,
  by: Pick<DeviceKey, 'sign'>,
): Promise<SignedAcknowledgement> {
  const acknowledgement = { request, part, ticket, asker, worker, outputTokens, chain }
  const signature = toBase64Url(await by.sign('acknowledge', acknowledgementFields(acknowledgement)))
  return { acknowledgement, signature }
}
