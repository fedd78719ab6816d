/**
 * What a growing answer costs to read: from its last block on, against the whole text at each step. Prints one JSON
 * object; reads only, draws nothing. `npx tsx test/bench/markdown.ts`
 */
import { BlockList, readMarkdown } from '../../web/ui/markdown/block-list.ts'

const PART = [
  '## A part\n\nSome **bold** words, `code` and a [link](https://example.org), long enough to be two lines of text.\n\n',
  '1. one\n2. two\n   - inner\n\n```ts\nconst a = 1\nconst b = a + 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n',
].join('')
const CHARACTERS = 20_000
const STEP = 4

const text = PART.repeat(Math.ceil(CHARACTERS / PART.length)).slice(0, CHARACTERS)

function timed(step: (grown: string) => unknown): { readonly ms: number; readonly worstMs: number } {
  let ms = 0
  let worstMs = 0
  for (let end = STEP; end <= text.length; end += STEP) {
    const grown = text.slice(0, end)
    const start = performance.now()
    step(grown)
    const took = performance.now() - start
    ms += took
    worstMs = Math.max(worstMs, took)
  }
  return { ms, worstMs }
}

readMarkdown(text)
const list = new BlockList()
const incremental = timed((grown) => list.update(grown, true))
const whole = timed((grown) => readMarkdown(grown))
const steps = Math.floor(CHARACTERS / STEP)
const round = (value: number) => Number(value.toPrecision(3))
console.log(
  JSON.stringify({
    characters: CHARACTERS,
    steps,
    incrementalMsPerStep: round(incremental.ms / steps),
    wholeMsPerStep: round(whole.ms / steps),
    ratio: round(whole.ms / incremental.ms),
    worstStepMs: round(incremental.worstMs),
  }),
)
