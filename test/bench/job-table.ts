/** What `bench:jobs` says to a person. */
import type { Spread } from './job-figures.ts'
import type { FixedFigures } from './job-phases.ts'
import type { measureReal } from './job-real.ts'
import { table } from './report.ts'

export interface JobsResult extends FixedFigures {
  readonly askers: number
  readonly workers: number
  readonly real: Awaited<ReturnType<typeof measureReal>>
  readonly command: string
}

export function jobTable({
  askers,
  workers,
  real,
  command,
  cold,
  crowd,
  deathToNextTokenMs,
  ...all
}: JobsResult): string {
  const spread = ({ p50, p95 }: Spread) => [String(p50), String(p95)]
  const { closed, killed, prefillMs } = deathToNextTokenMs
  const times = [
    ['', 'p50 ms', 'p95 ms'],
    ['added to the first token, links there', ...spread(all.addedFirstTokenMs)],
    ['waited for others meanwhile', ...spread(all.queueMs)],
    ['added to the first token, links made for it', ...spread(cold.addedFirstTokenMs)],
    ['added to each token', ...spread(all.addedPerTokenMs)],
    ['in the crowd: added to the first token', ...spread(crowd.addedFirstTokenMs)],
    ['in the crowd: waited for others', ...spread(crowd.queueMs)],
    ['in the crowd: added to each token', ...spread(crowd.addedPerTokenMs)],
  ]
  const deaths = [
    [`from a death to the next token, with ${prefillMs} ms of prefill`, 'p50 ms', 'max ms'],
    ['its tab was closed', String(closed.p50), String(closed.max)],
    ['its process was killed', String(killed.p50), String(killed.max)],
  ]
  const counts = [
    [`${askers} askers, ${workers} workers`, ''],
    ['jobs, tokens', `${all.jobs}, ${all.tokens}`],
    ['lost, doubled, unfinished', `${all.lost}, ${all.doubled}, ${all.unfinished}`],
    ["Jain's index of what each asker got", String(all.jain)],
    ['really computed: the same as one tab alone', `${real.identical} of ${real.answers}`],
    ['really computed: lost, doubled', `${real.lost}, ${real.doubled}`],
  ]
  return `${command}\n\n${[times, deaths, counts].map(table).join('\n')}`
}
