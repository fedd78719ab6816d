/** Sentences of the Tools screen. Pure; no state, no markup. */
import type { LoadView } from '../../app-view.ts'
import type { RunState } from './tool-run.svelte.ts'
import type { LabelSet, ToolName, Way } from './tools-screen.svelte.ts'

export const TOOL_SAYS: Readonly<Record<ToolName, string>> = {
  summarise: 'The gist of a text of any length. A long one is read in pieces, whose summaries are summarised.',
  translate: 'The same text in another language, with its paragraphs.',
  replies: 'Three short answers to a message, to pick one from.',
  rewrite: 'The same text, said in another way.',
  classify: 'The one label that fits a text best.',
  extract: 'Single facts out of a text, always in the form that you ask for.',
  search: 'The texts that come nearest to what you mean, also in other words.',
}

export const TEXT_NAMES: Readonly<Partial<Record<ToolName, string>>> = { replies: 'Message' }

export const WAYS: readonly { readonly way: Way; readonly says: string }[] = [
  { way: 'clearer', says: 'Clearer and simpler' },
  { way: 'shorter', says: 'Shorter' },
  { way: 'formal', says: 'Formal' },
  { way: 'friendly', says: 'Friendly' },
  { way: 'correct', says: 'Only spelling and grammar' },
  { way: 'wish', says: 'As you wish' },
]

export const LABEL_SETS: readonly { readonly set: LabelSet; readonly says: string }[] = [
  { set: 'sentiment', says: 'Mood: positive, neutral, negative' },
  { set: 'spam', says: 'Spam or not' },
  { set: 'moderation', says: 'Fine, or what is wrong with it' },
  { set: 'own', says: 'Your own' },
]

/** Above what grows. */
export function sayWork(
  pieces: { readonly done: number; readonly all: number } | null,
  load: LoadView['state'],
): string {
  if (load === 'loading') return 'Loading the model'
  return pieces === null ? 'At work' : `${pieces.done} of ${pieces.all} pieces`
}

/** For screen readers: how it ended. */
export function sayEnd(name: string, state: RunState): string {
  const ends: Readonly<Partial<Record<RunState, string>>> = {
    running: `${name}: at work.`,
    done: `${name}: done.`,
    stopped: `${name}: stopped.`,
    failed: `${name}: failed.`,
  }
  return ends[state] ?? ''
}

export function sayLabel(labels: Readonly<Record<string, string>>, label: string): string {
  const meaning = Object.hasOwn(labels, label) ? labels[label] : ''
  return meaning ? `That is: ${meaning}.` : ''
}

/** What would be copied. */
export function textOfResult(value: unknown, growing: string): string {
  if (value === null) return growing
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}
