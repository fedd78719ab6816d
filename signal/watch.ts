/** What the server tells its operator, as every part of it is given it. It decides nothing and stops nothing. */
import type { Log } from './log/log.ts'
import type { Metrics } from './metrics/metrics.ts'

export interface Watch {
  readonly log: Log
  readonly metrics: Metrics
}
