/** `npm run fsck`: proves the ledger right or names the first contradiction, and ends with 0 or 1. The server may run only on PostgreSQL. */
import { CREDIT_POLICY, MICRO_PER_CREDIT } from '../../web/rules/credit-policy.ts'
import { explain } from '../../web/wire/codes.ts'
import type { Failure } from '../../web/wire/result.ts'
import { readConfig } from '../config.ts'
import { openLedger } from './database.ts'
import { fsck } from './fsck.ts'

function refuse({ code, detail }: Failure): void {
  console.error(`${explain(code, detail)} [${code}]`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const config = readConfig()
  if (!config.ok) return refuse(config)
  const opened = await openLedger(config.value.ledger)
  if (!opened.ok) return refuse(opened)
  const beganMs = performance.now()
  const checked = await fsck(opened.value, CREDIT_POLICY)
  await opened.value.close()
  if (!checked.ok) return refuse(checked)
  const { events, postings, owners, books } = checked.value
  const credits = (micro: bigint) => `${Number(micro) / Number(MICRO_PER_CREDIT)} credits`
  const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1)
  console.log(
    `The ledger is right: ${events} events, ${postings} postings, ${owners} owners, looked through in ${seconds} s.`,
  )
  console.log(`Given out and not back: ${credits(-books.treasury)}; burned: ${credits(books.burn)}.`)
}

await main()
