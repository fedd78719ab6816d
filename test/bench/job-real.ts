/** The second part of `bench:jobs`: the tiny model, really computed on a software GPU by every worker, beside one tab alone. */
import { countWrong } from './job-figures.ts'
import type { JobsWish } from './job-phases.ts'
import { type JobBench, times } from './job-rig.ts'
import { intervals, same } from './mesh-answers.ts'
import { median, round } from './report.ts'

const QUESTION = 'Tell me about warp and weft.'
const TOKENS = 48
/** As the asker estimates it: more than the prompt has. */
const PROMPT_TOKENS = 64

/** Each asker has its own seed, all ask at once. */
export async function measureReal(bench: JobBench, { askers: count, workers: workerCount }: JobsWish) {
  const questions = Array.from({ length: count }, (_, at) =>
    bench.question(QUESTION, TOKENS, { temperature: 0.8, seed: 11 + at, promptTokens: PROMPT_TOKENS }),
  )
  // The reference first, in a tab that then lets its GPU memory go.
  const alone = await bench.worker()
  const whole = await times(count, async (at) => {
    const question = questions[at]
    if (!question) throw new Error('there is no question')
    return alone.tab.call('runHere', question)
  })
  await alone.tab.context.close()
  const workers = await times(workerCount, () => bench.worker())
  const askers = await times(count, () => bench.asker())
  const answers = await Promise.all(
    askers.flatMap((asker, at) => {
      const question = questions[at]
      return question ? [asker.call('runJob', question)] : []
    }),
  )
  const pairs = answers.map((answer, at) => ({ answer, alone: whole[at] ?? answer }))
  const wrong = pairs.map(({ answer, alone: own }) => countWrong(answer.tokens, own.tokens))
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens.length, 0)
  const [fromMs, toMs] = [answers.map(({ askedMs }) => askedMs), answers.map(({ atMs }) => atMs.at(-1) ?? 0)]
  const who = answers.flatMap(({ stands }) => stands.flatMap(({ stand }) => ('peer' in stand ? [stand.peer] : [])))
  return {
    model: 'tiny',
    answers: answers.length,
    tokens,
    workers: workers.filter(({ peer }) => who.includes(peer)).length,
    identical: pairs.filter(({ answer, alone: own }) => same(answer, own)).length,
    lost: wrong.reduce((sum, { lost }) => sum + lost, 0),
    doubled: wrong.reduce((sum, { doubled }) => sum + doubled, 0),
    aloneTokensPerSecond: round(1_000 / median(whole.flatMap(intervals))),
    /** Of all answers, links and prompts included. */
    togetherTokensPerSecond: round((1_000 * tokens) / (Math.max(...toMs) - Math.min(...fromMs))),
  }
}
