/** Sentences made of facts about a model or an answer: what the page says in numbers. Pure; no state, no markup. */
import type { Fit } from '../app-view.ts'
import type { LoadProgress, Usage } from '../wire/chat.ts'
import { explain } from '../wire/codes.ts'
import { formatBytes, formatCount, formatSeconds, formatTokensPerSecond } from './format.ts'

export function sayFit(fit: Fit): string {
  if (fit.state === 'checking') return 'Checking whether it fits your GPU'
  if (fit.state === 'refused') return `${explain(fit.code, fit.detail)} (${fit.code})`
  const needs = formatBytes(fit.gpuBytes)
  const max = fit.gpuBytesMax === null ? null : formatBytes(fit.gpuBytesMax)
  if (fit.fits) return max ? `Fits your GPU: needs ${needs} of ${max}` : `Fits your GPU: needs ${needs}`
  const numbers = max
    ? `It needs ${needs} of GPU memory; your browser allows ${max}.`
    : `It needs ${needs} of GPU memory.`
  return `Does not fit your GPU. ${fit.reason || numbers} Pick a smaller model.`
}

const PHASES = {
  read: 'Reading from this browser',
  fetch: 'Fetching',
  upload: 'Moving to the GPU',
  compile: 'Preparing the GPU for',
} as const

export function sayLoading(name: string, progress: LoadProgress | null): string {
  if (!progress) return `Opening ${name}`
  return progress.phase === 'read' ? `${PHASES.read}: ${name}` : `${PHASES[progress.phase]} ${name}`
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
