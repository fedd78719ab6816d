/** Sentences about who answers, and why. Pure; no state, no markup. */
import type { Mode, ModeCandidate, ModeChoice } from '../app-view.ts'
import type { AnsweredStage, AnsweredWorker, Answerer, ModeReason, Wait } from '../wire/chat.ts'
import { CODES } from '../wire/codes.ts'
import type { Scope } from '../wire/conversation.ts'
import { formatCount, formatDate, formatSeconds } from './format.ts'
import { saySpan } from './mesh/mesh-words.ts'

export const SCOPE_WORDS: Readonly<Record<Scope, string>> = {
  device: 'This device only',
  room: 'My room',
  anyone: 'Anyone',
}

/** What a person should know of a scope before they write. `room`: the one that this browser works in. */
export function sayScope(scope: Scope, room: string | null): string {
  const hints: Readonly<Record<Scope, string>> = {
    device: '',
    room: `Tabs of ${room ?? 'your room'} that answer can read this conversation. One that answers it whole reads your prompt.`,
    anyone:
      'Strangers whose tabs answer can read this conversation. Where one tab answers it whole, that tab reads your prompt; of several with layers, the first and the last see its words, those between see numbers that give some of them away.',
  }
  return hints[scope]
}

export function sayOver(stages: readonly AnsweredStage[]): string {
  return `Layers over ${stages.length === 1 ? '1 tab' : `${stages.length} tabs`}`
}

/** One tab that answered all of it, and therefore read all of it. */
export function sayWorker({ peer, relayed }: AnsweredWorker): string {
  return `Answered by a tab of somebody else, whole: ${peer}${sayLink(relayed)}`
}

export function sayStage({ span, peer, relayed }: AnsweredStage): string {
  return `${saySpan(span)} by ${peer}${sayLink(relayed)}`
}

function sayLink(relayed: boolean | null): string {
  if (relayed === null) return ''
  return relayed ? ', relayed' : ', direct'
}

/** The model that was asked for could not answer. */
export function sayInstead(insteadOf: string, model: string): string {
  return `Nobody could answer with ${insteadOf}: answered with ${model}, which is smaller`
}

/** What a person should know of the next answer before they send: each step down; null where there is none. */
export function sayStepDown({ mode, expectedMs, instead }: ModeChoice, asked: string): string | null {
  if (instead !== null) return `Nobody can answer with ${asked} now: ${instead.name} will, which is smaller.`
  if (mode !== 'queue') return null
  const wait = expectedMs === null ? '' : `, about ${formatSeconds(expectedMs)}`
  return `All who have ${asked} whole are busy: your question waits in line${wait}.`
}

export function sayKept(keptMs: number): string {
  return `Kept answer of ${formatDate(keptMs)}`
}

export function sayQueue({ at, ahead, waitMs }: Wait): string {
  if (at === 'owner') return 'Waiting: the person at that tab goes first'
  const before = ahead === 0 ? 'you are next' : `${formatCount(ahead)} before you`
  if (waitMs !== null) return `Waiting: ${before}, about ${formatSeconds(waitMs)}`
  return at === 'server' ? `Waiting: ${before}, nobody has the model yet` : `Waiting: ${before}`
}

export function sayReplaced(count: number): string {
  return count === 1 ? '1 value was replaced' : `${formatCount(count)} values were replaced`
}

/** Before it is sent. */
export function sayWillReplace(count: number): string {
  return count === 1 ? '1 value will be replaced' : `${formatCount(count)} values will be replaced`
}

/** How a mode is called where its predicted time stands. */
const MODE_WORDS: Readonly<Record<Mode, string>> = {
  local: 'This device',
  job: 'Another tab, whole',
  layers: 'Layers over several tabs',
}

/** What to expect of one way, or why it cannot answer. */
export function sayCandidate({ mode, expectedMs, refusal }: ModeCandidate): string {
  const fact = refusal
    ? `${CODES[refusal.code][0]} (${refusal.code})`
    : expectedMs === null
      ? 'not measured yet'
      : `about ${formatSeconds(expectedMs)} for 128 tokens`
  return `${MODE_WORDS[mode]}: ${fact}`
}

type Place = 'here' | 'worker' | 'layers'

export function placeOf({ stages, worker }: Answerer): Place {
  if (worker) return 'worker'
  return stages ? 'layers' : 'here'
}

/** Each step down is named: a smaller model is told by `sayInstead`. */
export function sayWhy(why: ModeReason, place: Place): string {
  const here: Readonly<Record<ModeReason, string>> = {
    picked: 'here by your choice',
    only: 'here, as nobody else can',
    'fast-enough': 'here, as this device is fast enough',
    fastest: 'here, as this is fastest',
    'no-whole-holder': 'here, as nobody else can',
    'holders-busy': 'here, as all who have it are busy',
    smaller: 'here, with a smaller model',
    queued: 'here, after a wait',
  }
  const there: Readonly<Record<ModeReason, string>> = {
    picked: 'by your choice',
    only: 'as this device cannot run it',
    'fast-enough': place === 'worker' ? 'as it is fast enough' : 'as they are fast enough',
    fastest: place === 'worker' ? 'as it is faster than this device' : 'as they are faster than this device',
    'no-whole-holder': 'as neither this device nor another tab has it whole',
    'holders-busy': 'as all who have it whole are busy for longer than this takes',
    smaller: 'with a smaller model',
    queued: 'after a wait, as all who have it were busy',
  }
  return (place === 'here' ? here : there)[why]
}
