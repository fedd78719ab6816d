/** Of the ledger, receipts and wallets. */

/** One amount of the ledger: a billion credits. Sums of 9,000 of these still fit the database's integers. */
export const LEDGER_MICRO_MAX = 10n ** 15n
/** A request, a device, an owner, as the ledger keeps them. */
export const LEDGER_NAME_CHARACTERS_MAX = 256
/** Receipts of one request: one a stage, and one more for each stage that was replaced. */
export const LEDGER_PART_MAX = 4_095
/** Parts that an asker names once its request is over. */
export const OVER_PARTS_MAX = 256
/** Parameters that one token runs through, of any model. */
export const ACTIVE_PARAMETERS_MAX = 2 ** 50
/** An asker says each time that it has so many more tokens; the worker goes no further than so many past the last word. */
export const ACKNOWLEDGE_TOKENS = 16
export const ACKNOWLEDGE_AHEAD_TOKENS = 32
/** A worker waits so long for its asker's signature; then its receipt goes without. */
export const RECEIPT_ALONE_MS = 60_000
/** An asker waits so long for the receipts of a stage's neighbours before it signs without them. */
export const RECEIPT_NEIGHBOUR_MS = 10_000
/** Receipts that a browser keeps until the server has them; the oldest goes. */
export const RECEIPTS_WAITING_MAX = 2_000
/** After a server that was away they are sent again, with rests that grow from the first to the second. */
export const RECEIPTS_REST_MS = 2_000
export const RECEIPTS_REST_MS_MAX = 120_000
/** Parts of requests that a tab signs and takes receipts of, on each side: the longest over goes. */
export const RECEIPT_PARTS_MAX = 1_024
/** Words to the server of work that began and of requests that are over, kept until it has them; the longest kept goes. */
export const CREDIT_WORDS_MAX = 1_024
/** Entries of one page of a wallet's history; open holds and escrows that are told one by one. */
export const WALLET_PAGE_MAX = 50
/** Characters of the proof of work that a first grant asks for, and zero bits of its hash. */
export const GRANT_PROOF_CHARACTERS_MAX = 64
export const GRANT_PROOF_BITS_MAX = 32
/** A tab that looks for such a proof gives up then. */
export const GRANT_PROOF_TRIES_MAX = 2 ** 26
/** A wallet on show is looked at again after this. */
export const WALLET_LOOK_MS = 5_000
/** Pages of the history that are looked through for the figures of the last `WALLET_DAYS`, and that one export takes. */
export const WALLET_DAYS = 30
export const WALLET_CHART_PAGES_MAX = 20
export const WALLET_EXPORT_PAGES_MAX = 2_000
/** Tokens of an answer that nobody pays. */
export const UNPAID_OUTPUT_TOKENS_MAX = 256
