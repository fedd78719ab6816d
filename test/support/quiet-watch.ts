/** What a server tells its operator, where nobody reads it; and rates that hold nobody off. */
import { openLog } from '../../signal/log/log.ts'
import { Metrics } from '../../signal/metrics/metrics.ts'
import { Rates } from '../../signal/rates.ts'
import type { Watch } from '../../signal/watch.ts'

/** As many as they like. */
export function noRates(): Rates {
  return new Rates({ perSecond: 1e9, burst: 1e9 }, 10, Date.now)
}

export function quietWatch(): Watch {
  return { log: openLog('error', { write: () => {} }), metrics: new Metrics() }
}
