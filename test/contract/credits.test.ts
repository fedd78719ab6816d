/** Credits over the embedded database. */
import { afterAll } from 'vitest'
import { closeLedger, emptiedLedger } from '../support/memory-ledger.ts'
import { creditsSuite } from './credits.suite.ts'

afterAll(closeLedger)

creditsSuite('in the embedded database', emptiedLedger)
