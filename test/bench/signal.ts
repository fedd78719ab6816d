/**
 * `npm run bench:signal`: what a tab costs the server, and how fast it plans and passes on words with many of them present. The
 * real server and a crowd of real clients, each in a process of its own, with their heartbeats; plans are asked for by this one.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DeviceKey, makeKey } from '../../web/account/device-key.ts'
import { SignalClient } from '../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { HEARTBEAT_MS } from '../../web/wire/limits.ts'
import { type FlagSpec, readFlags, runCommand, usage, wholeNumber } from './flags.ts'
import { provenance, round } from './report.ts'
import { type CrowdAsked, type CrowdTells, type Memory, planOf, type ServerTells } from './signal-words.ts'

const SPEC: FlagSpec = {
  peers: { type: 'string', words: 'tabs that are there (5000)' },
  models: { type: 'string', words: 'models of which each serves a quarter of one (20)' },
  plans: { type: 'string', words: 'asked for, one after the other (1500)' },
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
  const dataDir = await mkdtemp(join(tmpdir(), 'weft-bench-signal-'))
  const server = start('signal-server.ts', ['--expose-gc'], [dataDir])
  const crowd = start('signal-crowd.ts', ['--max-old-space-size=4096'], [])
  try {
    const figures = await measure(server, crowd, shape)
    const result = { ...provenance(), command: `npm run bench:signal -- ${ARGS.join(' ')}`, ...shape, ...figures }
    process.stdout.write(flags['json'] === true ? `${JSON.stringify(result)}\n` : tellOf(result))
  } finally {
    crowd.kill('SIGKILL')
    server.kill('SIGKILL')
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function measure(server: ChildProcess, crowd: ChildProcess, { peers, models, plans, seconds }: Shape) {
  const { url } = await hear<ServerTells, 'url'>(server, 'url')
  const before = await memoryOf(server)
  const joining = hear<CrowdTells, 'joined'>(crowd, 'joined')
  ask(crowd, { ask: 'join', url, peers, models })
  const joined = await joining
  await sleep(BEATS_BEFORE_MEASURING * HEARTBEAT_MS)
  const after = await memoryOf(server)
  const planMs = await planTimes(url, plans, models)
  const relaying = hear<CrowdTells, 'relayed'>(crowd, 'relayed')
  ask(crowd, { ask: 'relay', seconds })
  const relayed = await relaying
  return {
    processes: 1,
    heartbeatMs: HEARTBEAT_MS,
    heapBytesPerPeer: Math.round((after.heapUsed - before.heapUsed) / peers),
    rssBytesPerPeer: Math.round((after.rss - before.rss) / peers),
    connectsPerSecond: round(peers / joined.seconds),
    planMs: { p50: round(quantile(planMs, 0.5)), p99: round(quantile(planMs, 0.99)) },
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

function memoryOf(server: ChildProcess): Promise<Memory> {
  const memory = hear<ServerTells, 'memory'>(server, 'memory')
  server.send('memory')
  return memory
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
