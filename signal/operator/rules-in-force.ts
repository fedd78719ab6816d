/**
 * The rules of a running server as sentences of a name and a value: what work costs, rates, limits, and settings without secrets. Pure:
 * it reads what it is given and decides nothing.
 */
import type { CreditPolicy } from '../../web/rules/credit-policy.ts'
import type { RateLimit } from '../../web/rules/rate.ts'
import { MICRO_PER_CREDIT, type MicroCredits } from '../../web/wire/ledger-events.ts'
import { JOB_QUEUED_MS_MAX, JOBS_OPEN_PER_ASKER_MAX, JOBS_QUEUED_MAX } from '../../web/wire/limits/jobs.ts'
import { ROOM_MEMBERS_MAX } from '../../web/wire/limits/rooms.ts'
import { EVENTS_BURST_MAX, EVENTS_PER_SECOND_MAX, LEASE_MS, RESUME_MS } from '../../web/wire/limits/signalling.ts'
import type { RuleGroup, RuleRow } from '../../web/wire/operator-views.ts'
import { type Config, GRANTS_PER_ADDRESS_MAX } from '../config.ts'

export function ruleGroups(policy: CreditPolicy, config: Config): readonly RuleGroup[] {
  return [
    { title: `Credits, policy ${policy.version}`, rules: creditRules(policy) },
    { title: 'Rates', rules: rateRules(config) },
    { title: 'Limits', rules: limitRules() },
    { title: 'Settings', rules: settingRules(config) },
  ]
}

function creditRules(policy: CreditPolicy): readonly RuleRow[] {
  return [
    rule('A token written, by a billion parameters', creditsOf(policy.outputMicroPerGiga)),
    rule('A token read, by a billion parameters', creditsOf(policy.promptMicroPerGiga)),
    rule('Gone for good of each payment', `${Number(policy.burnPerMille) / 10} %`),
    rule('Gift to a new device', `${creditsOf(policy.grantMicro)}, to be spent within ${timeOf(policy.grantForMs)}`),
    rule('Gifts to one network in a day', String(GRANTS_PER_ADDRESS_MAX)),
    rule('Earnings stay in escrow for', timeOf(policy.escrowMs)),
    rule('A hold waits for receipts for', timeOf(policy.holdForMs)),
    rule('What is left of a hold goes back after', timeOf(policy.releaseMs)),
    rule('A dispute is open for', timeOf(policy.disputeMs)),
    rule('Tokens of an answer without credits', String(policy.unpaidOutputTokens)),
    rule('New credits at most', `${creditsOf(policy.issueMicroPerEpoch)} each ${timeOf(policy.epochMs)}`),
  ]
}

function rateRules({ rates }: Config): readonly RuleRow[] {
  return [
    rule('HTTP requests of one address', rateOf(rates.http)),
    rule('New sockets of one address', rateOf(rates.connect)),
    rule('Events of one tab', rateOf({ perSecond: EVENTS_PER_SECOND_MAX, burst: EVENTS_BURST_MAX })),
  ]
}

function limitRules(): readonly RuleRow[] {
  return [
    rule('Jobs in line', String(JOBS_QUEUED_MAX)),
    rule('Open jobs of one tab', String(JOBS_OPEN_PER_ASKER_MAX)),
    rule('A job waits at most', timeOf(JOB_QUEUED_MS_MAX)),
    rule('Tabs in one room', String(ROOM_MEMBERS_MAX)),
    rule('A tab that says nothing is gone after', timeOf(LEASE_MS)),
    rule('A tab whose socket closed is gone after', timeOf(RESUME_MS)),
  ]
}

function settingRules({ ledger, ice, proxies, drainMs, allowSoftwareAdapter }: Config): readonly RuleRow[] {
  const place = { server: 'a PostgreSQL server', folder: 'the data folder', memory: 'memory only' } as const
  return [
    rule('The ledger lies in', place[ledger.kind]),
    rule('STUN', ice.stunUrl === null ? 'none' : 'set'),
    rule('TURN', ice.turn === null ? 'none' : 'set'),
    rule('Proxies before this server', String(proxies)),
    rule('A stop waits for tabs for', timeOf(drainMs)),
    rule('Software GPUs count', allowSoftwareAdapter ? 'yes' : 'no'),
  ]
}

function rule(name: string, value: string): RuleRow {
  return { name, value }
}

function rateOf({ perSecond, burst }: RateLimit): string {
  return `${perSecond} a second, ${burst} at once`
}

function creditsOf(micro: MicroCredits): string {
  const fraction = (micro % MICRO_PER_CREDIT).toString().padStart(6, '0').replace(/0+$/, '')
  const whole = (micro / MICRO_PER_CREDIT).toString()
  return `${whole}${fraction === '' ? '' : `.${fraction}`} credits`
}

const UNITS = [
  [86_400_000, 'days'],
  [3_600_000, 'hours'],
  [60_000, 'minutes'],
  [1_000, 'seconds'],
] as const

function timeOf(ms: number): string {
  const [size, unit] = UNITS.find(([one]) => ms >= one && ms % one === 0) ?? ([1, 'ms'] as const)
  const count = ms / size
  return `${count} ${count === 1 && size > 1 ? unit.slice(0, -1) : unit}`
}
