/** Sentences about who answers, and why. Pure; no state, no markup. */
import type { AnsweredStage, ModeReason } from '../wire/chat.ts'
import type { Scope } from '../wire/conversation.ts'
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
    room: `Tabs of ${room ?? 'your room'} that answer can read this conversation.`,
    anyone:
      'Strangers whose tabs answer can read this conversation: the first and the last see its words, those between see numbers that give some of them away.',
  }
  return hints[scope]
}

export function sayOver(stages: readonly AnsweredStage[]): string {
  return `Layers over ${stages.length === 1 ? '1 tab' : `${stages.length} tabs`}`
}

export function sayStage({ span, peer, relayed }: AnsweredStage): string {
  const link = relayed === null ? '' : relayed ? ', relayed' : ', direct'
  return `${saySpan(span)} by ${peer}${link}`
}

export function sayWhy(why: ModeReason, over: boolean): string {
  const here: Readonly<Record<ModeReason, string>> = {
    picked: 'here by your choice',
    only: 'here, as nobody else can',
    'fast-enough': 'here, as this device is fast enough',
    fastest: 'here, as this is fastest',
  }
  const there: Readonly<Record<ModeReason, string>> = {
    picked: 'by your choice',
    only: 'as this device cannot run it',
    'fast-enough': 'as they are fast enough',
    fastest: 'as they are faster than this device',
  }
  return (over ? there : here)[why]
}
