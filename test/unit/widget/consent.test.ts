/** When a press counts as consent, what is remembered of it, and what is said before. */
import { describe, expect, it } from 'vitest'
import { judgePress, type Press } from '../../../web/widget/consent-press.ts'
import { sayChoices } from '../../../web/widget/consent-words.ts'
import { KeptConsent } from '../../../web/widget/kept-consent.ts'
import { type Means, meansOf } from '../../../web/widget/means.ts'
import {
  EMBED_CONSENTS_KEPT_MAX,
  EMBED_FRAME_HEIGHT_MIN,
  EMBED_SEEN_MS_MIN,
} from '../../../web/wire/limits/partners.ts'
import type { PartnerView } from '../../../web/wire/partner-keys.ts'

const ALL: Means = { covers: true, battery: true, saves: false }

const good: Press = {
  consent: 'use',
  trusted: true,
  seenMs: EMBED_SEEN_MS_MIN,
  exact: true,
  width: 400,
  height: 600,
  first: null,
  second: false,
}

describe('a press', () => {
  it.each([
    ['a person’s own, on what was seen', {}, 'counts'],
    ['of a script', { trusted: false }, 'ignored'],
    ['on what was just uncovered', { seenMs: EMBED_SEEN_MS_MIN - 1 }, 'covered'],
    ['on what is covered, in spite of a first one', { seenMs: 0, first: 'use' }, 'covered'],
    ['in a frame too small to read', { height: EMBED_FRAME_HEIGHT_MIN - 1 }, 'small'],
    ['where nobody tells what covers', { exact: false }, 'again'],
    ['the same, elsewhere once more', { exact: false, first: 'use', second: true }, 'counts'],
    ['the same, at the same place', { exact: false, first: 'use' }, 'again'],
    ['another, elsewhere', { exact: false, first: 'give', second: true }, 'again'],
  ] as const)('%s', (_, more, end) => {
    expect(judgePress({ ...good, ...more })).toBe(end)
  })
})

function shelf() {
  const values = new Map<string, string>()
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => values.set(key, value),
  }
}

describe('what is remembered', () => {
  it('is remembered by site, until it is taken back, for a number of sites', () => {
    const kept = shelf()
    const of = (site: string) => new KeptConsent(site, kept)
    of('https://a.example').keep('use', 0.5)
    of('https://b.example').keep('give', 0.5)
    expect(of('https://a.example').value).toBe('use')
    expect(of('https://c.example').value).toBe('none')
    of('https://b.example').keep('none', 0.5)
    expect(of('https://b.example').value).toBe('none')
    for (let site = 0; site < EMBED_CONSENTS_KEPT_MAX; site += 1) of(`https://${site}.example`).keep('use', 0.5)
    expect(of('https://a.example').value).toBe('none')
    expect(of('https://0.example').value).toBe('use')
  })

  it('keeps the share of the time with it, where it is one that can be picked', () => {
    const kept = shelf()
    const site = new KeptConsent('https://a.example', kept)
    site.within('any open')
    site.keep('give', 0.25)
    site.within('any open')
    const again = new KeptConsent('https://a.example', kept)
    again.within('any open')
    expect([again.value, again.duty]).toEqual(['give', 0.25])
    again.within('own open')
    expect([again.value, again.duty]).toEqual(['none', 0.5])
    kept.setItem('weft-widget-consents', '[["https://a.example","give",7],["https://b.example","give"]]')
    expect(new KeptConsent('https://a.example', kept).duty).toBe(0.5)
    expect(new KeptConsent('https://b.example', kept).value).toBe('give')
  })

  it('goes by the newest answer, under whatever terms it was asked', () => {
    const kept = shelf()
    const under = (terms: string, site = 'https://a.example') => {
      const one = new KeptConsent(site, kept)
      one.within(terms)
      return one
    }
    under('any open').keep('give', 0.5)
    under('any open', 'https://a.example asks').keep('use', 0.5)
    under('any open', 'https://ab.example').keep('give', 0.5)
    under('any partner-budget').keep('use', 0.5)
    expect(under('any open').value).toBe('use')
    expect(under('any open', 'https://a.example asks').value).toBe('use')
    under('any partner-budget').keep('none', 0.5)
    expect(under('any open').value).toBe('none')
    expect(under('any open', 'https://a.example asks').value).toBe('none')
    expect(under('any open', 'https://ab.example').value).toBe('give')
  })

  it('is nothing where it is damaged, or where the browser refuses', () => {
    const kept = shelf()
    for (const text of ['{', '7', '[["https://a.example","all"],[1,"use"],null]']) {
      kept.setItem('weft-widget-consents', text)
      expect(new KeptConsent('https://a.example', kept).value).toBe('none')
    }
    const none = new KeptConsent('https://a.example', null)
    none.keep('use', 0.5)
    expect([none.kept, none.value]).toEqual([false, 'none'])
    none.moveTo(kept)
    none.keep('use', 0.5)
    expect([none.kept, none.value]).toEqual([true, 'use'])
  })
})

describe('what is said', () => {
  const view = { site: 'Loom', origins: [], models: [], system: '', suggested: [] } as const
  const say = (more: Pick<PartnerView, 'scope' | 'state'>) => sayChoices({ ...view, ...more }, 'weft.example', ALL)

  it('names who answers, by what the key allows', () => {
    expect(say({ scope: 'any', state: 'open' }).use.says).toContain('only where you pick it')
    expect(say({ scope: 'mesh', state: 'open' }).use.says).not.toContain('This device')
    expect(say({ scope: 'own', state: 'open' }).use.says).toContain('stays on it')
    expect(say({ scope: 'own', state: 'open' }).sees).toContain('leaves this device')
  })

  it('promises of giving what holds in this browser, and no more', () => {
    const of = (more: Partial<Means>) => sayChoices({ ...view, scope: 'any', state: 'open' }, 'w', { ...ALL, ...more })
    expect(of({}).give.says).toContain('while this panel is in sight. It rests on a battery below half')
    expect(of({ covers: false }).give.says).toContain('does not tell whether something covers it')
    expect(of({ battery: false }).give.says).toContain('gives on battery as well')
    expect(of({ battery: false }).give.says).not.toContain('below half')
    expect(of({ saves: true }).give.says).toContain('asks sites to save data')
    expect(meansOf({}, false)).toEqual({ covers: false, battery: false, saves: false })
    const told = { getBattery: () => {}, connection: { saveData: true } }
    expect(meansOf(told, true)).toEqual({ covers: true, battery: true, saves: true })
  })

  it('offers this device where the budget is used up, else nothing to use', () => {
    const used = say({ scope: 'any', state: 'partner-budget' })
    expect([used.use.open, used.use.name]).toEqual([true, 'Use it on this device'])
    expect(say({ scope: 'mesh', state: 'partner-budget' }).use.open).toBe(false)
  })
})
