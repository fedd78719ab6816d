/**
 * What a server shows its operator: figures of now, who is here, jobs, rooms, the rules in force, and what was done. Shapes, and
 * how the operator's page reads them. Counts and states: no prompt, no answer and no address has a field here.
 */
import type { PublicKeyText } from './device-keys.ts'
import { type Fields, readerOf } from './fields.ts'
import { JOB_CLASSES, JOB_KINDS, JOB_STATES, type JobClass, type JobKind, type JobState } from './jobs.ts'
import { PEER_ID_CHARACTERS_MAX, RANGES_HELD_MAX } from './limits/mesh.ts'
import { LAYERS_MAX, NAME_CHARACTERS_MAX } from './limits/models.ts'
import { OPERATOR_ROWS_MAX } from './limits/operator.ts'
import { TIME_MS_MAX } from './limits/units.ts'
import type { LayerSpan } from './peers.ts'
import type { Result } from './result.ts'

/** A figure with its name: the names are the server's own words, never a stranger's. */
export interface Figure {
  readonly name: string
  readonly count: number
}

export interface NowView {
  readonly atMs: number
  /** When this process began. */
  readonly sinceMs: number
  readonly draining: boolean
  readonly peers: number
  readonly connected: number
  readonly sockets: number
  readonly rooms: number
  /** Open ones by state. */
  readonly jobs: readonly Figure[]
  /** Since the process began: jobs by their end, plans by what came of them, what was held off by place. */
  readonly ended: readonly Figure[]
  readonly plans: readonly Figure[]
  readonly limited: readonly Figure[]
  readonly relayed: number
}

/** `total`: rows of all pages. */
export interface Page<Row> {
  readonly rows: readonly Row[]
  readonly total: number
}

export interface PeerRow {
  /** The start of its random part. */
  readonly peer: string
  readonly key: PublicKeyText
  /** The key's own where it is in no account that is known. */
  readonly account: PublicKeyText
  /** Of its socket; null where that is closed. */
  readonly sinceMs: number | null
  /** Null until it has said what it holds. */
  readonly visible: boolean | null
  readonly held: readonly { readonly modelId: string; readonly span: LayerSpan }[]
  /** Models that it answers whole jobs with. */
  readonly offers: readonly string[]
  /** It serves its room alone. */
  readonly inRoom: boolean
}

export interface JobRow {
  readonly job: string
  readonly kind: JobKind
  readonly class: JobClass
  readonly modelId: string
  readonly state: JobState
  readonly madeMs: number
  /** How often workers were named for it. */
  readonly leases: number
  /** Of its answer, as its asker told. */
  readonly tokens: number
  readonly paid: boolean
  readonly inRoom: boolean
  readonly asker: string
  readonly worker: string | null
}

export interface RoomRow {
  /** The start of its random id. */
  readonly room: string
  readonly members: number
  readonly knocks: number
}

export interface RuleRow {
  readonly name: string
  readonly value: string
}

export interface RuleGroup {
  readonly title: string
  readonly rules: readonly RuleRow[]
}

export interface AuditRow {
  readonly number: number
  readonly atMs: number
  readonly action: string
  readonly subject: string
}

export interface AuditView {
  readonly lines: readonly AuditRow[]
  /** The first line that does not follow from the one before it. */
  readonly damagedAt: number | null
}

const { attempt, record, list, words, id, idOrNull, orNull, whole, flag, oneOf } = readerOf('event-invalid')

const FIGURES_MAX = 200
const RULES_MAX = 100
const GROUPS_MAX = 20
const RULE_CHARACTERS_MAX = 400
const AUDIT_LINES_MAX = 1_000

export function parseNow(value: unknown): Result<NowView> {
  return attempt(() => {
    const fields = record(value, 'An answer')
    return {
      atMs: whole(fields, 'atMs', TIME_MS_MAX),
      sinceMs: whole(fields, 'sinceMs', TIME_MS_MAX),
      draining: flag(fields, 'draining'),
      peers: countOf(fields, 'peers'),
      connected: countOf(fields, 'connected'),
      sockets: countOf(fields, 'sockets'),
      rooms: countOf(fields, 'rooms'),
      jobs: figuresOf(fields, 'jobs'),
      ended: figuresOf(fields, 'ended'),
      plans: figuresOf(fields, 'plans'),
      limited: figuresOf(fields, 'limited'),
      relayed: countOf(fields, 'relayed'),
    }
  })
}

export function parsePeers(value: unknown): Result<Page<PeerRow>> {
  return pageOf(value, (fields) => ({
    peer: id(fields, 'peer'),
    key: words(fields, 'key', PEER_ID_CHARACTERS_MAX),
    account: words(fields, 'account', PEER_ID_CHARACTERS_MAX),
    sinceMs: orNull(fields, 'sinceMs', () => whole(fields, 'sinceMs', TIME_MS_MAX)),
    visible: orNull(fields, 'visible', () => flag(fields, 'visible')),
    held: list(fields['held'], '`held`', RANGES_HELD_MAX).map((one) => {
      const held = record(one, 'A range')
      const span = record(held['span'], '`span`')
      return { modelId: id(held, 'modelId'), span: { first: layer(span, 'first'), last: layer(span, 'last') } }
    }),
    offers: list(fields['offers'], '`offers`', RANGES_HELD_MAX).map((modelId) => id({ modelId }, 'modelId')),
    inRoom: flag(fields, 'inRoom'),
  }))
}

export function parseJobs(value: unknown): Result<Page<JobRow>> {
  return pageOf(value, (fields) => ({
    job: id(fields, 'job'),
    kind: oneOf(fields, 'kind', JOB_KINDS),
    class: oneOf(fields, 'class', JOB_CLASSES),
    modelId: id(fields, 'modelId'),
    state: oneOf(fields, 'state', JOB_STATES),
    madeMs: whole(fields, 'madeMs', TIME_MS_MAX),
    leases: countOf(fields, 'leases'),
    tokens: countOf(fields, 'tokens'),
    paid: flag(fields, 'paid'),
    inRoom: flag(fields, 'inRoom'),
    asker: id(fields, 'asker'),
    worker: idOrNull(fields, 'worker'),
  }))
}

export function parseRooms(value: unknown): Result<Page<RoomRow>> {
  return pageOf(value, (fields) => ({
    room: id(fields, 'room'),
    members: countOf(fields, 'members'),
    knocks: countOf(fields, 'knocks'),
  }))
}

export function parseRules(value: unknown): Result<readonly RuleGroup[]> {
  return attempt(() =>
    list(record(value, 'An answer')['groups'], '`groups`', GROUPS_MAX).map((one) => {
      const group = record(one, 'A group')
      const rules = list(group['rules'], '`rules`', RULES_MAX).map((rule) => {
        const fields = record(rule, 'A rule')
        return { name: words(fields, 'name', NAME_CHARACTERS_MAX), value: words(fields, 'value', RULE_CHARACTERS_MAX) }
      })
      return { title: words(group, 'title', NAME_CHARACTERS_MAX), rules }
    }),
  )
}

export function parseAudit(value: unknown): Result<AuditView> {
  return attempt(() => {
    const fields = record(value, 'An answer')
    const lines = list(fields['lines'], '`lines`', AUDIT_LINES_MAX).map((one) => {
      const line = record(one, 'A line')
      return {
        number: countOf(line, 'number'),
        atMs: whole(line, 'atMs', TIME_MS_MAX),
        action: words(line, 'action', NAME_CHARACTERS_MAX),
        subject: words(line, 'subject', PEER_ID_CHARACTERS_MAX * 2),
      }
    })
    return { lines, damagedAt: orNull(fields, 'damagedAt', () => countOf(fields, 'damagedAt')) }
  })
}

/** `read`: one row. */
export function pageOf<Row>(value: unknown, read: (fields: Fields) => Row): Result<Page<Row>> {
  return attempt(() => {
    const fields = record(value, 'An answer')
    const rows = list(fields['rows'], '`rows`', OPERATOR_ROWS_MAX).map((one) => read(record(one, 'A row')))
    return { rows, total: countOf(fields, 'total') }
  })
}

function figuresOf(fields: Fields, field: string): readonly Figure[] {
  return list(fields[field], `\`${field}\``, FIGURES_MAX).map((one) => {
    const figure = record(one, 'A figure')
    return { name: words(figure, 'name', NAME_CHARACTERS_MAX), count: countOf(figure, 'count') }
  })
}

function countOf(fields: Fields, field: string): number {
  return whole(fields, field, Number.MAX_SAFE_INTEGER)
}

function layer(fields: Fields, field: string): number {
  return whole(fields, field, LAYERS_MAX)
}
