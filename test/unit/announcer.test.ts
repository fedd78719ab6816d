/** What a screen reader hears of an answer: its words, each once and in their order, without the marks of Markdown. */
import { describe, expect, it } from 'vitest'
import { Announcer } from '../../web/ui/announcer.svelte.ts'
import { toPlainText } from '../../web/ui/markdown/block-list.ts'
import { LONG_ANSWER } from '../fixtures/long-answer.ts'

/** All that was spoken, in the order in which it was. */
function heard(text: string, step: number): readonly string[] {
  const announcer = new Announcer()
  const all: string[] = []
  for (let start = 0; start < text.length; start += step) {
    announcer.add(text.slice(start, start + step))
    if (announcer.spoken !== '' && announcer.spoken !== all.at(-1)) all.push(announcer.spoken)
  }
  announcer.finish('End of answer.')
  return [...all, announcer.spoken]
}

/** A region that says the same again is not read again, so of words that repeat (`}` and `}`) one counts. */
function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word, index, all) => word !== '' && word !== all[index - 1])
}

describe('the announcer', () => {
  it('speaks sentences as they end, and a closing word', () => {
    const [first, ...rest] = heard('One is **short**. Two is [a link](https://example.org). And `three`', 4)
    expect(first).toBe('One is short.')
    expect(rest).toEqual(['Two is a link.', 'And three End of answer.'])
  })

  it('speaks the lines of lists, tables and code without their marks', () => {
    const text = '## A head\n\n1. one\n2. two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```ts\nconst a = 1\n```\n'
    const words = heard(text, 3).join('\n')
    for (const part of ['A head', 'one', 'two', 'a, b', '1, 2', 'const a = 1']) expect(words).toContain(part)
    expect(words).not.toMatch(/[|#`]|---/)
  })

  it.each([1, 7, 40, 4_000])('says every word once, in steps of %d characters', (step) => {
    const words = wordsOf(heard(LONG_ANSWER, step).join(' '))
    expect(words).toEqual([...wordsOf(toPlainText(LONG_ANSWER)), 'End', 'of', 'answer.'])
  })

  it('begins anew after the end', () => {
    const announcer = new Announcer()
    announcer.add('- one\n')
    announcer.finish('Stopped.')
    announcer.add('Two. ')
    expect(announcer.spoken).toBe('Two.')
    announcer.clear()
    expect(announcer.spoken).toBe('')
  })
})
