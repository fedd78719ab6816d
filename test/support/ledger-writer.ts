/** A process that posts to the ledger of a folder as fast as it can, and says each event once it is acknowledged. Ended from outside. */
import { openLedger } from '../../signal/ledger/database.ts'
import { Journal } from '../../signal/ledger/journal.ts'
import { CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { type LedgerEvent, ledgerIdOf } from '../../web/wire/ledger-events.ts'

const [dataDir = '', run = ''] = process.argv.slice(2)
const opened = await openLedger({ kind: 'folder', dataDir })
if (!opened.ok) {
  console.log(`refused ${opened.code}`)
  process.exit(1)
}
const journal = new Journal(opened.value, CREDIT_POLICY)
const atMs = CREDIT_POLICY.epochZeroMs

async function post(event: LedgerEvent): Promise<void> {
  const posted = await journal.post(event)
  if (!posted.ok) throw new Error(`${ledgerIdOf(event)}: ${posted.code}`)
  console.log(`acknowledged ${ledgerIdOf(event)}`)
}

await post({ type: 'grant', device: run, owner: `asker ${run}`, micro: 10_000_000n, forMs: 1_000, atMs })
for (let number = 0; ; number += 1) {
  const request = `${run}-${number}`
  await post({ type: 'hold', request, owner: `asker ${run}`, micro: 10n, forMs: 1_000, atMs })
  const amounts = { micro: 6n, burnMicro: 1n, escrowMs: 0, final: true }
  await post({ type: 'settle', request, part: 0, worker: 'worker', ...amounts, atMs })
}
