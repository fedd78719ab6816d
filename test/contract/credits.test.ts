/** Credits over the embedded database. */
import { afterAll } from 'vitest'
import { closeLedger, emptiedLedger } from '../support/memory-ledger.ts'
import { creditsSuite } from './credits.suite.ts'
import { creditsOverSuite } from './credits-over.suite.ts'
import { partnersSuite } from './partners.suite.ts'

afterAll(closeLedger)

creditsSuite('in the embedded database', emptiedLedger)
creditsOverSuite('in the embedded database', emptiedLedger)
partnersSuite('in the embedded database', emptiedLedger)
