/**
 * `npm run bench:link`: what slices and bytes in flight cost on a link between two real tabs. The product's pipe, over
 * channels like the product's, with other sizes: how long a message takes that somebody waits for, how fast bulk goes, and
 * what an urgent message waits beside bulk. No model and no mesh.
 */
import type { Browser, Page } from 'playwright'
import type { PipeSizes } from '../../web/mesh/pipe.ts'
import { PIPE_BUFFER_HIGH_BYTES, URGENT_SLICE_BYTES } from '../../web/wire/limits/links.ts'
import { KIB, MIB } from '../../web/wire/limits/units.ts'
import { buildPage } from '../support/build-page.ts'
import { launchChromium } from '../support/chromium.ts'
import type { LinkPage } from '../support/link-page.ts'
import { startTestServer } from '../support/server.ts'
import { RELAY_FLAGS, UdpRelay, viaRelay } from '../support/udp-relay.ts'
import { type FlagSpec, numberUpTo, readFlags, runCommand, usage, wholeNumber } from './flags.ts'
import { median, provenance, round, table } from './report.ts'

const SLICE_KIB = [1, 2, 4, 8, 16, 64] as const
const IN_FLIGHT_KIB = [64, 256, 1024, 4096] as const
/** One row of hidden states: SmolLM2 (576 wide), 1B (2,048), 8B (4,096), 70B (8,192). */
const ROW_BYTES = [576 * 4, 2_048 * 4, 4_096 * 4, 8_192 * 4] as const
/** A frame of a long prompt. */
const BULK_BYTES = MIB
const SPEC: FlagSpec = {
  rtt: { type: 'string', words: 'milliseconds there and back; both 0 and 50 where not given' },
  loss: { type: 'string', words: 'percent of packets that are lost, each way (0); takes --rtt' },
  trips: { type: 'string', words: 'messages of each size and round (10)' },
  rounds: { type: 'string', words: 'over all sizes (3)' },
  bulk: { type: 'string', words: 'messages of 1 MiB for each pair of sizes (4)' },
  json: { type: 'boolean', words: 'one JSON object on the last line and nothing else' },
}
const HELP = usage('bench:link', 'What slices and bytes in flight cost on a link between two tabs.', SPEC)
const ARGS = process.argv.slice(2)

interface Wish {
  readonly trips: number
  readonly rounds: number
  readonly bulk: number
  readonly lossPercent: number
}

interface LinkTab {
  readonly page: Page
  call<K extends keyof LinkPage>(name: K, ...args: Parameters<LinkPage[K]>): Promise<Awaited<ReturnType<LinkPage[K]>>>
}

interface SliceRow {
  readonly sliceKib: number
  /** Median until the answer, by message, in the order of `ROW_BYTES`. */
  readonly tripMs: readonly number[]
}

interface BulkRow {
  readonly sliceKib: number
  readonly inFlightKib: number
  readonly megabytesPerSecond: number
  /** Of a row of SmolLM2 beside the bulk; null where none came back before the bulk was over. */
  readonly urgentMs: number | null
}

interface LinkResult {
  readonly rttMs: number
  readonly slices: readonly SliceRow[]
  readonly bulk: readonly BulkRow[]
}

async function openTab(browser: Browser, url: string, name: string, relay: UdpRelay | null, other: () => LinkTab) {
  const context = await browser.newContext()
  if (relay) await viaRelay(context, relay, name)
  await context.exposeFunction('weftSend', (words: string) => other().call('hear', JSON.parse(words)))
  const page = await context.newPage()
  await page.goto(url)
  await page.waitForFunction('document.title === "ready"')
  const tab: LinkTab = {
    page,
    // A string, not a function: what a TypeScript runner adds to functions does not exist in the page.
    call: (called, ...args) => page.evaluate(`window.link[${JSON.stringify(called)}](...${JSON.stringify(args)})`),
  }
  return tab
}

const sizes = (sliceKib: number, inFlightKib: number): PipeSizes => ({
  sliceBytes: { now: sliceKib * KIB, bulk: sliceKib * KIB },
  bufferHighBytes: inFlightKib * KIB,
  bufferLowBytes: (inFlightKib * KIB) / 4,
})

async function measure(browser: Browser, url: string, rttMs: number, wish: Wish): Promise<LinkResult> {
  const far = rttMs > 0 || wish.lossPercent > 0
  const relay = far ? new UdpRelay({ rttMs, jitterMs: rttMs / 20, lossPercent: wish.lossPercent }) : null
  const tabs: LinkTab[] = []
  const tabAt = (index: number): LinkTab => {
    const tab = tabs[index]
    if (!tab) throw new Error('It is not open yet.')
    return tab
  }
  try {
    for (const [own, other] of [[0, 1] as const, [1, 0] as const])
      tabs[own] = await openTab(browser, url, `tab ${own}`, relay, () => tabAt(other))
    const asking = tabAt(0)
    await asking.call('call')
    await Promise.all(tabs.map((tab) => tab.call('opened')))
    let channels = 0
    const open = async (given: PipeSizes) => {
      channels += 1
      await Promise.all(tabs.map((tab) => tab.call('open', channels, given)))
    }
    // A new connection sends little at once: what comes first would pay for it.
    await open(sizes(16, 1024))
    await asking.call('bulk', 2, BULK_BYTES, 1)
    return { rttMs, slices: await sliceRows(asking, open, wish), bulk: await bulkRows(asking, open, wish) }
  } finally {
    for (const { page } of tabs) await page.context().close()
    relay?.close()
  }
}

type Open = (given: PipeSizes) => Promise<void>

/** Round after round over all sizes, so that what else runs on the machine meets them alike. */
async function sliceRows(asking: LinkTab, open: Open, { trips, rounds }: Wish): Promise<readonly SliceRow[]> {
  const times = SLICE_KIB.map(() => ROW_BYTES.map((): number[] => []))
  for (let round = 0; round < rounds; round += 1) {
    for (const [row, sliceKib] of SLICE_KIB.entries()) {
      await open(sizes(sliceKib, 4096))
      for (const [column, bytes] of ROW_BYTES.entries())
        times[row]?.[column]?.push(...(await asking.call('trips', bytes, trips)))
    }
  }
  return SLICE_KIB.map((sliceKib, row) => ({
    sliceKib,
    tripMs: (times[row] ?? []).map((all) => round(median(all))),
  }))
}

async function bulkRows(asking: LinkTab, open: Open, { bulk }: Wish): Promise<readonly BulkRow[]> {
  const rows: BulkRow[] = []
  for (const sliceKib of SLICE_KIB) {
    for (const inFlightKib of IN_FLIGHT_KIB) {
      await open(sizes(sliceKib, inFlightKib))
      const { ms, urgentMs } = await asking.call('bulk', bulk, BULK_BYTES, ROW_BYTES[0])
      const megabytesPerSecond = round((bulk * BULK_BYTES) / 1000 / ms)
      rows.push({
        sliceKib,
        inFlightKib,
        megabytesPerSecond,
        urgentMs: urgentMs.length > 0 ? round(median(urgentMs)) : null,
      })
    }
  }
  return rows
}

function tablesOf({ rttMs, slices, bulk }: LinkResult): string {
  const bytes = ROW_BYTES.map((size) => `${size} B`)
  const trips = slices.map(({ sliceKib, tripMs }) => [`${sliceKib} KiB`, ...tripMs.map((ms) => `${ms} ms`)])
  const rates = bulk.map((row) => [
    `${row.sliceKib} KiB`,
    `${row.inFlightKib} KiB`,
    `${row.megabytesPerSecond} MB/s`,
    row.urgentMs === null ? '-' : `${row.urgentMs} ms`,
  ])
  const first = table([['slice', ...bytes], ...trips])
  const second = table([['slice', 'in flight', 'bulk', 'urgent beside it'], ...rates])
  return `${rttMs} ms there and back: a message and its answer\n${first}\n${rttMs} ms: bulk\n${second}\n`
}

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const rtt = numberUpTo(flags, 'rtt', 1_000)
  const wish: Wish = {
    trips: wholeNumber(flags, 'trips', 10, 1_000),
    rounds: wholeNumber(flags, 'rounds', 3, 100),
    bulk: wholeNumber(flags, 'bulk', 4, 64),
    lossPercent: numberUpTo(flags, 'loss', 20) ?? 0,
  }
  const built = await buildPage('link-page')
  const server = await startTestServer({ appDir: built.appDir })
  const browser = await launchChromium({ args: [...RELAY_FLAGS] })
  const results: LinkResult[] = []
  try {
    for (const rttMs of rtt === null ? [0, 50] : [rtt]) {
      const result = await measure(browser, server.url, rttMs, wish)
      if (flags['json'] !== true) process.stdout.write(tablesOf(result))
      results.push(result)
    }
  } finally {
    await browser.close()
    await server.close()
    await built.remove()
  }
  const ours = { urgentSliceBytes: URGENT_SLICE_BYTES, bufferHighBytes: PIPE_BUFFER_HIGH_BYTES }
  const all = { ...wish, rowBytes: ROW_BYTES, bulkBytes: BULK_BYTES, ours, results, ...provenance() }
  if (flags['json'] === true) process.stdout.write(`${JSON.stringify(all)}\n`)
}

await runCommand(HELP, ARGS, main)
