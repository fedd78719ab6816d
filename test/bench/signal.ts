/**
 * `npm run bench:signal`: what a tab costs the server, and how fast it plans and passes on words with many of them present. The
 * real server, as one process and as two over Redis, and a crowd of real clients, each in a process of its own, with their heartbeats;
 * plans are asked for by this one.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DeviceKey, makeKey } from '../../web/account/device-key.ts'
import { SignalClient } from '../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { HEARTBEAT_MS } from '../../web/wire/limits/signalling.ts'
import { Redis } from '../support/redis.ts'
import { type FlagSpec, readFlags, runCommand, usage, wholeNumber } from './flags.ts'
import { provenance, round } from './report.ts'
import {
  type CrowdAsked,
  type CrowdTells,
  type Memory,
  planOf,
  type ServerAsked,
  type ServerTells,
} from './signal-words.ts'

const SPEC: FlagSpec = {
  peers: { type: 'string', words: 'tabs that are there (5000)' },
  models: { type: 'string', words: 'models of which each serves a quarter of one (20)' },
  plans: { type: 'string', words: 'asked for, one after the other (1500)' },
  processes: { type: 'string', words: 'of the server: 1 or 2 alone (both, one after the other)' },
  seconds: { type: 'string', words: 'of words passed on as fast as they go (5)' },
  json: { type: 'boolean', words: 'one JSON object' },
}
const HELP = usage('bench:signal', 'What a tab costs the signalling server.', SPEC)
const ARGS = process.argv.slice(2)
/** Under what the server lets one tab say at once. */
const PLANS_OF_A_TAB = 100
const BEATS_BEFORE_MEASURING = 3

interface Shape {
  readonly peers: number
  readonly models: number
  readonly plans: number
  readonly seconds: number
}

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const shape = {
    peers: wholeNumber(flags, 'peers', 5_000, 12_000),
    models: wholeNumber(flags, 'models', 20, 1_000),
    plans: wholeNumber(flags, 'plans', 1_500, 100_000),
    seconds: wholeNumber(flags, 'seconds', 5, 60),
  }
  const only = flags['processes'] === undefined ? null : wholeNumber(flags, 'processes', 1, 2)
  const runs = await inTurn(only === null ? [1, 2] : [only], (processes) => run(processes, shape))
  const [first, ...more] = runs
  const result = { ...provenance(), command: `npm run bench:signal -- ${ARGS.join(' ')}`, ...shape, ...first, more }
  process.stdout.write(flags['json'] === true ? `${JSON.stringify(result)}\n` : tellOf(result))
}

async function inTurn<In, Out>(all: readonly In[], work: (one: In) => Promise<Out>): Promise<readonly Out[]> {
  const done: Out[] = []
  for (const one of all) done.push(await work(one))
  return done
}

async function run(processes: number, shape: Shape) {
  const dataDir = await mkdtemp(join(tmpdir(), 'weft-bench-signal-'))
  const redis = processes > 1 ? await Redis.start() : null
  const servers = Array.from({ length: processes }, (_, index) =>
    start('signal-server.ts', ['--expose-gc'], [join(dataDir, String(index)), redis?.url ?? '']),
  )
  const crowd = start('signal-crowd.ts', ['--max-old-space-size=4096'], [])
  try {
    return await measure(servers, crowd, shape)
  } finally {
    for (const child of [crowd, ...servers]) child.kill('SIGKILL')
    await redis?.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function measure(
  servers: readonly ChildProcess[],
  crowd: ChildProcess,
  { peers, models, plans, seconds }: Shape,
) {
  const urls = await Promise.all(servers.map(async (server) => (await hear<ServerTells, 'url'>(server, 'url')).url))
  const before = await memoryOf(servers)
  const joining = hear<CrowdTells, 'joined'>(crowd, 'joined')
  ask(crowd, { ask: 'join', urls, peers, models })
  const joined = await joining
  await sleep(BEATS_BEFORE_MEASURING * HEARTBEAT_MS)
  const after = await memoryOf(servers)
  const [asked] = servers
  say(asked, 'watch')
  const planMs = await planTimes(urls[0] ?? '', plans, models)
  const waiting = asked ? hear<ServerTells, 'waited'>(asked, 'waited') : null
  say(asked, 'waited')
  const waited = await waiting
  const relaying = hear<CrowdTells, 'relayed'>(crowd, 'relayed')
  ask(crowd, { ask: 'relay', seconds })
  const relayed = await relaying
  return {
    processes: servers.length,
    heartbeatMs: HEARTBEAT_MS,
    // Of all processes together: each knows all tabs.
    heapBytesPerPeer: Math.round((after.heapUsed - before.heapUsed) / peers),
    rssBytesPerPeer: Math.round((after.rss - before.rss) / peers),
    connectsPerSecond: round(peers / joined.seconds),
    planMs: { p50: round(quantile(planMs, 0.5)), p99: round(quantile(planMs, 0.99)) },
    loopLateMs: waited && {
      p50: round(waited.loopMs.p50),
      p99: round(waited.loopMs.p99),
      max: round(waited.loopMs.max),
    },
    gcMs: waited && { minor: round(waited.gcMs.minor), major: round(waited.gcMs.major), max: round(waited.gcMs.max) },
    relayMessagesPerSecond: round(relayed.messages / relayed.seconds),
  }
}

/** As an asker sees them, with the way there and back. */
async function planTimes(url: string, plans: number, models: number): Promise<readonly number[]> {
  const times: number[] = []
  for (let asked = 0; asked < plans; ) {
    const asker = await openAsker(url)
    for (let own = 0; own < PLANS_OF_A_TAB && asked < plans; own += 1, asked += 1) {
      const since = performance.now()
      const plan = await asker.plan(planOf(asked, models))
      times.push(performance.now() - since)
      if (!plan.ok) throw new Error(`There was no plan: ${plan.code} ${plan.detail}`)
    }
    asker.close()
  }
  return times
}

async function openAsker(url: string): Promise<SignalClient> {
  const key = await DeviceKey.of(await makeKey())
  const run = toBase64Url(crypto.getRandomValues(new Uint8Array(16)))
  return new Promise((resolve) => {
    const client: SignalClient = new SignalClient({
      url,
      key,
      run,
      nowMs: Date.now,
      onState: ({ state }) => {
        if (state === 'here') resolve(client)
      },
      onRelayed: () => {},
    })
  })
}

function start(file: string, flags: readonly string[], args: readonly string[]): ChildProcess {
  return fork(join(import.meta.dirname, file), [...args], {
    execArgv: ['--import', 'tsx', ...flags],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

const ask = (crowd: ChildProcess, asked: CrowdAsked) => void crowd.send(asked)

const say = (server: ChildProcess | undefined, asked: ServerAsked) => void server?.send(asked)

/** Of all together. */
async function memoryOf(servers: readonly ChildProcess[]): Promise<Memory> {
  const memories = await inTurn(servers, (server) => {
    const memory = hear<ServerTells, 'memory'>(server, 'memory')
    say(server, 'memory')
    return memory
  })
  const sum = (of: (memory: Memory) => number) => memories.reduce((total, memory) => total + of(memory), 0)
  return { heapUsed: sum(({ heapUsed }) => heapUsed), rss: sum(({ rss }) => rss) }
}

/** The next word of this kind. A tab that is lost, or a process that ends, ends the bench. */
function hear<Word extends { readonly says: string }, Says extends Word['says']>(child: ChildProcess, says: Says) {
  return new Promise<Extract<Word, { readonly says: Says }>>((resolve, reject) => {
    const listen = (word: Word) => {
      if (word.says === 'lost') reject(new Error(`The crowd has lost a tab: ${JSON.stringify(word)}`))
      if (word.says !== says) return
      child.off('message', listen)
      child.off('exit', end)
      resolve(word as Extract<Word, { readonly says: Says }>)
    }
    const end = (code: number | null) => reject(new Error(`A process of the bench ended with ${code}.`))
    child.on('message', listen)
    child.once('exit', end)
  })
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function tellOf(result: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(result).map(([name, value]) => `${name.padEnd(24)} ${JSON.stringify(value)}`)
  return `${lines.join('\n')}\n`
}

await runCommand(HELP, ARGS, main)
