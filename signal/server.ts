/**
 * Puts the server together and takes it down again: one HTTP server, one mirror. It listens before it fetches anything,
 * so that the page can show what goes on. Tests start it with port 0 and their own catalogue, sources and app.
 */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CREDIT_POLICIES } from '../web/rules/credit-policy.ts'
import { activeParametersOf } from '../web/wire/active-parameters.ts'
import type { PeerId } from '../web/wire/peers.ts'
import { FailureError } from '../web/wire/result.ts'
import { FileAccountStore } from './accounts/file-store.ts'
import { appFiles, appPages } from './app-files.ts'
import type { ClusterWay } from './cluster/cluster.ts'
import { type AddressRates, type Config, RATE_ADDRESSES_MAX, READY_LOOK_MS } from './config.ts'
import { Credits } from './credits/credits.ts'
import { Drain } from './drain.ts'
import { type AppHandler, createHandler } from './http.ts'
import { type LedgerDatabase, openLedger } from './ledger/database.ts'
import type { LedgerPlace } from './ledger/place.ts'
import { type Log, openLog } from './log/log.ts'
import { Metrics } from './metrics/metrics.ts'
import { type Catalogue, readCatalogue } from './models/catalogue.ts'
import { Mirror, type OnMirrorEvent } from './models/mirror.ts'
import { ModelStore } from './models/store.ts'
import { SOURCE_TOOLS, type SourceTools } from './models/tools.ts'
import { Audit } from './operator/audit.ts'
import { lookEndpoints } from './operator/look-endpoints.ts'
import { partnerEndpoints } from './operator/partner-endpoints.ts'
import { auditEndpoint } from './operator/routes.ts'
import { rulingEndpoints } from './operator/ruling-endpoints.ts'
import { Rulings } from './operator/rulings.ts'
import type { PageReader } from './partners/routes.ts'
import { Rates } from './rates.ts'
import { Accounts } from './sockets/accounts.ts'
import { Hub } from './sockets/hub.ts'
import { TicketMint } from './sockets/tickets.ts'
import { iceServersFor } from './sockets/turn.ts'
import type { Watch } from './watch.ts'

export interface RunningServer {
  /** `http://localhost:<port>`, without a slash at the end. */
  readonly url: string
  readonly mirror: Mirror
  readonly hub: Hub
  /** Takes no new work, tells the tabs, waits `drainMs` at most for them to go, and closes. Idempotent. */
  drain(): Promise<void>
  /** The only exit; idempotent. Ends open answers and the background add. */
  close(): Promise<void>
}

/** What tests and `npm run dev` replace. */
export interface ServerParts {
  readonly catalogue?: Catalogue
  readonly tools?: SourceTools
  readonly onMirrorEvent?: OnMirrorEvent
  /** The default says what went wrong, on the standard error. */
  readonly log?: Log
  /** Makes the handler of the app; the default serves the built files. */
  readonly app?: (server: Server) => Promise<ServedApp>
}

export interface ServedApp {
  readonly handler: AppHandler
  /** Those that are served with headers of their own; the default reads the built files. */
  readonly pages?: PageReader
  close(): Promise<void>
}

/** Rejects where the port cannot be had, as Node does, and with `FailureError` where the ledger cannot be opened. */
export async function startServer(config: Config, parts: ServerParts = {}): Promise<RunningServer> {
  const catalogue = parts.catalogue ?? (await readCatalogue())
  const store = new ModelStore(config.dataDir)
  await store.open()
  const mirror = new Mirror(store, catalogue, parts.tools ?? SOURCE_TOOLS, parts.onMirrorEvent ?? (() => {}))
  const server = createServer()
  const app: ServedApp = parts.app
    ? await parts.app(server)
    : { handler: await appFiles(config.appDir), close: () => Promise.resolve() }
  const watch: Watch = { log: parts.log ?? openLog('error', 2), metrics: new Metrics({ process: true }) }
  const mint = await TicketMint.create(Date.now)
  const iceServers = (peer: PeerId) => iceServersFor(config.ice, peer, Date.now())
  const accounts = await Accounts.open(new FileAccountStore(config.dataDir))
  const credits = new Credits({
    open: () => openOrThrow(config.ledger),
    policies: CREDIT_POLICIES,
    ownersOf: (key) => accounts.ownersOf(key),
    parametersOf: async (modelId) => {
      const model = await store.get(modelId)
      return model.ok ? activeParametersOf(model.value.manifest) : null
    },
    nowMs: Date.now,
    watch,
    partnerRates: config.partnerRates,
  })
  const page = { allowSoftwareAdapter: config.allowSoftwareAdapter }
  const audit = await Audit.open(config.dataDir, Date.now)
  const isReachable = lookedAt(() => isOpen(config, credits))
  const way = config.redisUrl === null ? null : await openWay(config.redisUrl)
  const isMet = lookedAt(async () => way === null || way.isUp())
  const unready = async () => {
    if (drain.began) return 'server-draining'
    if (!(await isMet())) return 'redis-away'
    return (await isReachable()) ? null : 'ledger-away'
  }
  const { operatorToken, proxies } = config
  const ratesOf = (place: keyof AddressRates) => new Rates(config.rates[place], RATE_ADDRESSES_MAX, Date.now)
  const rulings = new Rulings({
    open: async () => (await credits.open()).database,
    nowMs: Date.now,
    watch,
    changed: () => hub.ruled(),
    ruled: () => hub.tellRuled(),
  })
  const looks = lookEndpoints({
    hub: () => hub,
    ownersOf: (key) => accounts.ownersOf(key),
    metrics: watch.metrics,
    policy: CREDIT_POLICIES[0],
    config,
    nowMs: Date.now,
  })
  server.on(
    'request',
    createHandler({
      mirror,
      page,
      app: app.handler,
      pages: app.pages ?? appPages(config.appDir),
      partners: credits.partners,
      watch,
      audit,
      operatorEndpoints: [
        auditEndpoint(audit),
        ...partnerEndpoints(credits.partners),
        ...rulingEndpoints(rulings),
        ...looks,
      ],
      unready,
      operatorToken,
      rates: ratesOf('http'),
      proxies,
    }),
  )
  // What waits in it for its time; in memory nothing can.
  if (config.ledger.kind !== 'memory') await credits.open()
  const hub = new Hub({
    server,
    mint,
    credits,
    accounts,
    iceServers,
    nowMs: Date.now,
    proxies,
    watch,
    connects: ratesOf('connect'),
    way,
    rulings,
  })
  // As above: in memory there is nothing from before.
  if (config.ledger.kind !== 'memory') await rulings.begin(config.ledger.kind === 'server')
  if (audit.damagedAt !== null) watch.log.write('audit-damaged', { line: audit.damagedAt })
  let answering = 0
  server.on('request', (_, response) => {
    answering += 1
    response.once('close', () => {
      answering -= 1
    })
  })
  const drain = new Drain({
    begin: (waitMs) => {
      void audit.record('server-draining')
      watch.log.write('server-draining', { waitMs, sockets: hub.sockets })
      hub.drain(waitMs)
    },
    busy: () => hub.sockets + answering,
    nowMs: Date.now,
  })
  await hub.joined()
  const port = await listen(server, config)
  await audit.record('server-started')
  if (config.addDefault) mirror.addDefaultWhenEmpty()
  let closing: Promise<void> | null = null
  const close = async () => {
    await Promise.all([hub.close(), mirror.close(), app.close(), stop(server)])
    await rulings.close()
    await Promise.all([credits.close(), audit.close()])
  }
  const end = () => {
    closing ??= close()
    return closing
  }
  return {
    url: `http://localhost:${port}`,
    mirror,
    hub,
    async drain() {
      await drain.over(config.drainMs)
      await end()
    },
    close: end,
  }
}

/** Nobody waits for a ledger in memory: it is opened when it is needed. */
async function isOpen({ ledger }: Config, credits: Credits): Promise<boolean> {
  return ledger.kind === 'memory' || (await credits.isReachable())
}

/** One look for all who ask within `READY_LOOK_MS`. */
function lookedAt(look: () => Promise<boolean>): () => Promise<boolean> {
  let last = Promise.resolve(false)
  let untilMs = 0
  return () => {
    if (Date.now() >= untilMs) {
      last = look()
      untilMs = Date.now() + READY_LOOK_MS
    }
    return last
  }
}

async function openWay(url: string): Promise<ClusterWay> {
  const { openRedis } = await import('./cluster/redis.ts')
  const opened = await openRedis(url)
  if (opened.ok) return opened.value
  throw new FailureError(opened)
}

async function openOrThrow(place: LedgerPlace): Promise<LedgerDatabase> {
  const opened = await openLedger(place)
  if (opened.ok) return opened.value
  throw new FailureError(opened)
}

function listen(server: Server, config: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const where = config.host === null ? { port: config.port } : { port: config.port, host: config.host }
    server.listen(where, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
