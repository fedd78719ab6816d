/** How the chat names who answers: every step of the rule has its words, and who can read the prompt is said. */
import { describe, expect, it } from 'vitest'
import type { ModeChoice } from '../../web/app-view.ts'
import {
  placeOf,
  sayCandidate,
  sayInstead,
  sayKept,
  sayQueue,
  sayReplaced,
  sayScope,
  sayStepDown,
  sayWhy,
  sayWillReplace,
  sayWorker,
} from '../../web/ui/way-words.ts'
import { type Answerer, MODE_REASONS } from '../../web/wire/chat.ts'
import { SCOPES } from '../../web/wire/conversation.ts'
import { fail } from '../../web/wire/result.ts'

const answerer: Answerer = { engine: 'stage', adapter: 'GPU', modelId: 'm', model: 'Small' }
const worker = { peer: 'mara', engine: 'stage', relayed: true } as const

describe('who answers', () => {
  it('is named for each step, at each place', () => {
    const places = [answerer, { ...answerer, stages: [] }, { ...answerer, worker }].map(placeOf)
    expect(places).toEqual(['here', 'layers', 'worker'])
    for (const place of places) {
      const said = MODE_REASONS.map((why) => sayWhy(why, place))
      expect(said.every((words) => words.length > 10)).toBe(true)
      // Beside this device nobody says the same of two reasons.
      if (place !== 'here') expect(new Set(said).size).toBe(MODE_REASONS.length)
    }
    expect(sayWorker(worker)).toBe('Answered by a tab of somebody else, whole: mara, relayed')
    expect(sayInstead('Large', 'Small')).toBe('Nobody could answer with Large: answered with Small, which is smaller')
  })

  it('is said before where it is a step down, and only there', () => {
    const choice = { mode: 'job', reason: 'only', instead: null, expectedMs: 900, slowerThanHere: false } as const
    const said = (more: Partial<ModeChoice>) => sayStepDown({ ...choice, candidates: [], ...more }, 'Large')
    expect(said({})).toBe(null)
    expect(said({ instead: { key: 's', name: 'Small' } })).toBe(
      'Nobody can answer with Large now: Small will, which is smaller.',
    )
    expect(said({ mode: 'queue', expectedMs: 9_000 })).toBe(
      'All who have Large whole are busy: your question waits in line, about 9.0 s.',
    )
    expect(said({ mode: 'queue', expectedMs: null })).toBe(
      'All who have Large whole are busy: your question waits in line.',
    )
  })

  it('is said before, with what to expect of each way or why it cannot', () => {
    expect(sayCandidate({ mode: 'job', expectedMs: 9_000, refusal: null })).toBe(
      'Another tab, whole: about 9.0 s for 128 tokens',
    )
    expect(sayCandidate({ mode: 'local', expectedMs: null, refusal: null })).toBe('This device: not measured yet')
    expect(sayCandidate({ mode: 'layers', expectedMs: null, refusal: fail('no-capacity', '') })).toBe(
      'Layers over several tabs: All who have this model are busy. (no-capacity)',
    )
  })

  it('can be waited for', () => {
    const at = 'server'
    expect(sayQueue({ at, ahead: 3, waitMs: 20_000 })).toBe('Waiting: 3 before you, about 20 s')
    expect(sayQueue({ at, ahead: 0, waitMs: 900 })).toBe('Waiting: you are next, about 0.90 s')
    expect(sayQueue({ at, ahead: 0, waitMs: null })).toBe('Waiting: you are next, nobody has the model yet')
    // At a worker somebody has it, however little is known of the wait.
    expect(sayQueue({ at: 'worker', ahead: 1, waitMs: null })).toBe('Waiting: 1 before you')
    expect(sayQueue({ at: 'owner', ahead: 0, waitMs: null })).toBe('Waiting: the person at that tab goes first')
  })

  it('reads the prompt, which is said of each scope but this device', () => {
    expect(SCOPES.filter((scope) => /read (this conversation|your prompt)/.test(sayScope(scope, null)))).toEqual([
      'room',
      'anyone',
    ])
    expect(sayScope('anyone', null)).toContain('that tab reads your prompt')
  })
})

it('what was replaced and what was kept has its number and its day', () => {
  expect([1, 2].map(sayWillReplace)).toEqual(['1 value will be replaced', '2 values will be replaced'])
  expect([1, 2].map(sayReplaced)).toEqual(['1 value was replaced', '2 values were replaced'])
  expect(sayKept(Date.UTC(2026, 10, 22, 12))).toBe('Kept answer of 22 November 2026')
})
