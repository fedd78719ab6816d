/** What a server tells its operator, where nobody reads it; or where a test does. */
import type { LogLevel } from '../../signal/log/events.ts'
import { openLog } from '../../signal/log/log.ts'
import { Metrics } from '../../signal/metrics/metrics.ts'
import { Rates } from '../../signal/rates.ts'
import type { Watch } from '../../signal/watch.ts'

/** As many as they like. */
export function noRates(): Rates {
  return new Rates({ perSecond: 1e9, burst: 1e9 }, 10, Date.now)
}

export function quietWatch(): Watch {
  return watchInto(() => {}, 'error')
}

/** `hear`: each line of the log. */
export function watchInto(hear: (line: string) => void, level: LogLevel = 'debug'): Watch {
  return { log: openLog(level, { write: hear }), metrics: new Metrics() }
}
