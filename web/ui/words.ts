/** Sentences made of facts about a model or an answer: what the page says in numbers. Pure; no state, no markup. */
import type { Fit } from '../app-view.ts'
import type { Answerer, EngineName, LoadProgress, Usage } from '../wire/chat.ts'
import { explain } from '../wire/codes.ts'
import type { AnswerState, ReadWindow } from '../wire/conversation.ts'
import { formatBytes, formatCount, formatSeconds, formatTokensPerSecond } from './format.ts'

export const ENGINE_WORDS: Readonly<Record<EngineName, string>> = {
  stage: 'Stage engine',
  webllm: 'WebLLM',
  cpu: 'CPU engine',
}

/** Under an answer: the engine and what it computed on. The CPU engine's adapter begins with `CPU`, which its name says. */
export function sayAnswerer({ engine, adapter }: Answerer): string {
  return engine === 'cpu' ? `CPU engine${adapter.replace(/^CPU/, '')}` : `${ENGINE_WORDS[engine]} on ${adapter}`
}

/** Where a model lies while it is loaded. */
export const PLACE_WORDS: Readonly<Record<EngineName, string>> = {
  stage: 'on your GPU',
  webllm: 'on your GPU',
  cpu: 'in memory, on your CPU',
}

const MEMORY_WORDS = {
  stage: ['your GPU', 'GPU memory'],
  webllm: ['your GPU', 'GPU memory'],
  cpu: ['the memory of this page', 'memory'],
} as const

/** Which engine a request would run on, and why. Empty while nobody knows. */
export function sayChoice(fit: Fit): string {
  if (fit.state !== 'known' || !fit.choice) return ''
  const { engine, reason, basis, tokensPerSecond } = fit.choice
  const rate = formatTokensPerSecond(tokensPerSecond)
  const speed = {
    measured: `measured ${rate}`,
    scaled: `about ${rate}`,
    tested: `about ${rate}`,
    assumed: 'speed not measured yet',
  }[basis]
  const why = {
    picked: 'your choice',
    only: basis === 'assumed' ? 'the only one that runs it here' : speed,
    'fast-enough': speed,
    fastest: `fastest, ${speed}`,
  }
  return `${ENGINE_WORDS[engine]} (${why[reason]})`
}

export function sayFit(fit: Fit): string {
  if (fit.state === 'checking') return 'Checking whether it fits'
  if (fit.state === 'refused') return `${explain(fit.code, fit.detail)} (${fit.code})`
  const needs = formatBytes(fit.gpuBytes)
  const max = fit.gpuBytesMax === null ? null : formatBytes(fit.gpuBytesMax)
  const [place, memory] = MEMORY_WORDS[fit.engine]
  if (fit.fits) return max ? `Fits ${place}: needs ${needs} of ${max}` : `Fits ${place}: needs ${needs}`
  const numbers = max
    ? `It needs ${needs} of ${memory}; your browser allows ${max}.`
    : `It needs ${needs} of ${memory}.`
  return `Does not fit ${place}. ${fit.reason || numbers} Pick a smaller model.`
}

const GPU_PHASES = {
  read: 'Reading from this browser',
  fetch: 'Downloading',
  upload: 'Moving to the GPU',
  compile: 'Preparing the GPU for',
} as const
const CPU_PHASES = { ...GPU_PHASES, upload: 'Moving to memory', compile: 'Preparing' } as const

export function sayLoading(name: string, progress: LoadProgress | null, engine: EngineName | null): string {
  const phases = engine === 'cpu' ? CPU_PHASES : GPU_PHASES
  if (!progress) return `Opening ${name}`
  return progress.phase === 'read' ? `${phases.read}: ${name}` : `${phases[progress.phase]} ${name}`
}

/** How an answer ended; empty for a whole one. */
export function sayEnding(state: AnswerState): string {
  const words: Readonly<Record<AnswerState, string>> = {
    writing: '',
    done: '',
    length: 'Cut at the length limit',
    stopped: 'Stopped',
    failed: '',
    interrupted: 'Cut when its page was closed',
  }
  return words[state]
}

/** What the model did not read of the conversation; empty where it read all. */
export function sayWindow({ fromId, summary, pinnedIds = [] }: ReadWindow, leftOut: number): string {
  if (fromId === null) return ''
  const files = pinnedIds.length > 0 ? ' Their files were read.' : ''
  const oldest = leftOut === 1 ? 'The oldest message' : `The oldest ${formatCount(leftOut)} messages`
  return summary === null
    ? `${oldest} did not fit the model's context and were not read.${files}`
    : `${oldest} did not fit the model's context; it read a summary of them.${files}`
}

/** Speed, first token, counts: only what was measured. */
export function sayUsage(usage: Usage): readonly string[] {
  const { tokensPerSecond, firstTokenMs, promptTokens, reusedTokens, completionTokens } = usage
  const facts: string[] = []
  if (tokensPerSecond !== null) facts.push(formatTokensPerSecond(tokensPerSecond))
  if (firstTokenMs !== null) facts.push(`first token in ${formatSeconds(firstTokenMs)}`)
  if (promptTokens + completionTokens > 0) {
    const reused = reusedTokens > 0 ? ` (${formatCount(reusedTokens)} reused)` : ''
    facts.push(`${formatCount(promptTokens)} tokens in${reused}, ${formatCount(completionTokens)} out`)
  }
  return facts
}

/** Sentences mark commands with backticks, as in the documents. */
export function splitCommands(sentence: string): readonly { readonly text: string; readonly command: boolean }[] {
  return sentence.split('`').map((text, index) => ({ text, command: index % 2 === 1 }))
}
