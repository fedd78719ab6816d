/**
 * `npx tsx test/bench/chain.ts`: what the chains of a paid stage cost, by the bytes of a frame: the page's own work for one, in and out,
 * and how long until its hash is there. In Node, whose WebCrypto hashes beside the script as a browser's does.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { FrameChain } from '../../web/schedule/receipts/frame-chain.ts'
import { BROWSER_HASHES } from '../../web/schedule/receipts/stage-desk.ts'
import { encodePeerFrame, type StageFrame } from '../../web/wire/peer-frame.ts'

const REQUEST = '0'.repeat(32)
const WIDTHS = [576, 2_048, 4_096]
const ROWS = [1, 256]
const SALT = new Uint8Array(16)

const frameOf = (width: number, count: number): StageFrame => ({
  ...{ type: 'hidden', request: REQUEST, epoch: 1, position: 0, count, width, sample: false, rebuild: false },
  mode: count > 1 ? 'prefill' : 'decode',
  rows: new Float32Array(count * width).fill(0.5),
})

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}

async function measure(frame: StageFrame, times: number) {
  const chain = new FrameChain(SALT, BROWSER_HASHES)
  const [page, whole, onPage]: [number[], number[], number[]] = [[], [], []]
  for (let turn = 0; turn < times; turn += 1) {
    const began = performance.now()
    chain.add(frame)
    page.push(performance.now() - began)
    await chain.settled()
    whole.push(performance.now() - began)
    const bytes = encodePeerFrame(frame)
    const hashing = performance.now()
    sha256(bytes)
    onPage.push(performance.now() - hashing)
  }
  return [page, whole, onPage].map((list) => median(list).toFixed(3))
}

console.log('width  rows  page ms  until there ms  (hashed by the page itself, ms)')
for (const width of WIDTHS) {
  for (const count of ROWS) {
    const [page, whole, onPage] = await measure(frameOf(width, count), count > 1 ? 15 : 400)
    console.log(`${width}  ${count}  ${page}  ${whole}  (${onPage})`)
  }
}
