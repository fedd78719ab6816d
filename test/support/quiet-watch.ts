/** What a server tells its operator, where nobody reads it; or where a test does. */
import type { LogLevel } from '../../signal/log/events.ts'
import { openLog } from '../../signal/log/log.ts'
import { Metrics } from '../../signal/metrics/metrics.ts'
import type { Watch } from '../../signal/watch.ts'

export function quietWatch(): Watch {
  return watchInto(() => {}, 'error')
}

/** `hear`: each line of the log. */
export function watchInto(hear: (line: string) => void, level: LogLevel = 'debug'): Watch {
  return { log: openLog(level, { write: hear }), metrics: new Metrics() }
}
