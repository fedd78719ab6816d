/**
 * What work costs, what is burned, given and kept back: all of it, in one place with a version. Receipts and postings name the
 * version under which they were made. Pure. Explained to people in docs/CREDITS.md and in the app.
 */
import { MICRO_PER_CREDIT, type MicroCredits } from '../wire/ledger-events.ts'
import { UNPAID_OUTPUT_TOKENS_MAX } from '../wire/limits/credits.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** How many credits the treasury may have given out by when. */
export interface IssuePolicy {
  readonly epochZeroMs: number
  readonly epochMs: number
  readonly issueMicroPerEpoch: MicroCredits
}

export interface CreditPolicy extends IssuePolicy {
  readonly version: number
  /** For one token through a whole model with a billion active parameters. Reading is cheaper: many tokens share one pass. */
  readonly promptMicroPerGiga: MicroCredits
  readonly outputMicroPerGiga: MicroCredits
  /** Of each settlement, of 1,000: who pays themselves by two devices ends poorer. */
  readonly burnPerMille: bigint
  /** To each device once, and how long it can be spent. */
  readonly grantMicro: MicroCredits
  readonly grantForMs: number
  /** How long earnings stay in escrow. */
  readonly escrowMs: number
  /** How long a hold waits for receipts. */
  readonly holdForMs: number
  /** How often the whole request may be read again at the price of a prompt, by tabs that take over: it is set aside too. */
  readonly replaysHeld: number
  /** A request that is over gives back what is left after this, where no worker has said that it began. */
  readonly releaseMs: number
  /** What an asker has not acknowledged waits so long for its signature; then it is the asker's. */
  readonly disputeMs: number
  /** Tokens of an answer for whom has no credits. */
  readonly unpaidOutputTokens: number
}

/** One credit is a thousand tokens of an answer by a model of a billion parameters. */
const FIRST: CreditPolicy = {
  version: 1,
  promptMicroPerGiga: 100n,
  outputMicroPerGiga: 1_000n,
  burnPerMille: 50n,
  grantMicro: 40n * MICRO_PER_CREDIT,
  grantForMs: 30 * DAY_MS,
  escrowMs: DAY_MS,
  holdForMs: 6 * HOUR_MS,
  replaysHeld: 1,
  releaseMs: 2 * 60_000,
  disputeMs: 7 * DAY_MS,
  unpaidOutputTokens: UNPAID_OUTPUT_TOKENS_MAX,
  epochZeroMs: Date.UTC(2026, 10, 1),
  epochMs: 7 * DAY_MS,
  issueMicroPerEpoch: 100_000n * MICRO_PER_CREDIT,
}

/** A gift is fifteen to twenty answers: who asks once a week has the time to use it. */
export const CREDIT_POLICY: CreditPolicy = { ...FIRST, version: 2, grantForMs: 120 * DAY_MS }

/** All that tickets may name, the newest first: it is what is paid from now on. */
export const CREDIT_POLICIES: readonly [CreditPolicy, ...CreditPolicy[]] = [CREDIT_POLICY, FIRST]

/** What a worker did for one request, as the server can know it. */
export interface Work {
  /** Without those that were computed before. */
  readonly promptTokens: number
  readonly outputTokens: number
  /** Of the whole model. */
  readonly activeParameters: number
  /** That this worker served, of all. */
  readonly layers: number
  readonly layersAll: number
}

const GIGA = 1_000_000_000n

/** Rounded up: no work is free because it is small. */
export function priceOf(policy: CreditPolicy, work: Work): MicroCredits {
  const { promptTokens, outputTokens, activeParameters, layers, layersAll } = work
  const { promptMicroPerGiga, outputMicroPerGiga } = policy
  const tokens = BigInt(promptTokens) * promptMicroPerGiga + BigInt(outputTokens) * outputMicroPerGiga
  return dividedUp(tokens * BigInt(activeParameters) * BigInt(layers), GIGA * BigInt(layersAll))
}

export interface HoldWish {
  /** Prompt and answer. */
  readonly tokens: number
  readonly outputTokens: number
  readonly activeParameters: number
  /** Of the prompt, what its stages hold already. */
  readonly reusedTokens?: number
}

/** What is set aside for a request: all of its answer, what is to be read of its prompt, and the replays of all of it. */
export function holdOf(policy: CreditPolicy, wish: HoldWish): MicroCredits {
  const { tokens, outputTokens, activeParameters, reusedTokens = 0 } = wish
  const output = Math.min(tokens, outputTokens)
  const promptTokens = Math.max(0, tokens - output - reusedTokens) + tokens * policy.replaysHeld
  return priceOf(policy, { promptTokens, outputTokens: output, activeParameters, layers: 1, layersAll: 1 })
}

/** Of a settlement; rounded up. */
export function burnOf({ burnPerMille }: CreditPolicy, micro: MicroCredits): MicroCredits {
  return dividedUp(micro * burnPerMille, 1_000n)
}

/** The treasury may stand no lower: what was issued in all epochs so far. */
export function treasuryFloorMicro(
  { epochZeroMs, epochMs, issueMicroPerEpoch }: IssuePolicy,
  atMs: number,
): MicroCredits {
  const epochs = Math.max(0, Math.floor((atMs - epochZeroMs) / epochMs) + 1)
  return -issueMicroPerEpoch * BigInt(epochs)
}

function dividedUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by
}
