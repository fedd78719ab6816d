/** What a browser remembers of a person's settings: kept, read with a check, and harmless where storage is refused. */
import { describe, expect, it } from 'vitest'
import { DEFAULT_SETTINGS } from '../../web/app-conversations-view.ts'
import { type PreferenceShelf, PreferenceStore } from '../../web/store/preferences.ts'
import { DRAFTS_CHARACTERS_MAX, DRAFTS_KEPT_MAX } from '../../web/wire/limits/conversations.ts'

function shelf(items: Record<string, string> = {}): PreferenceShelf & { readonly items: Record<string, string> } {
  return {
    items,
    getItem: (key) => items[key] ?? null,
    setItem: (key, value) => {
      items[key] = value
    },
  }
}

describe('preferences', () => {
  it('are there the next time', () => {
    const kept = shelf()
    const settings = { ...DEFAULT_SETTINGS, system: 'Be brief.' }
    const mesh = {
      consent: true,
      relayOnly: true,
      gpuBytesMax: 1e9,
      onlyWhileVisible: true,
      pauseWhileActive: false,
      privateEnds: true,
      duty: 0.5,
      hours: { from: 1_320, to: 390 },
      chargingOnly: true,
      batteryMin: 0.5,
      watchDevice: true,
      keepAwake: true,
      screenOn: true,
      room: 'r'.repeat(22),
      way: 'whole' as const,
      promptTokensMax: 2_048,
      answerTokensMax: 512,
      jobsAtOnce: 8,
      donor: true,
    }
    const redaction = { anyone: false, room: true, names: ['Ada'] }
    new PreferenceStore(kept).set({ theme: 'dark', modelKey: 'm', engine: 'cpu', settings, mesh, redaction })
    expect(new PreferenceStore(kept).value).toEqual({
      theme: 'dark',
      sidebar: true,
      mode: null,
      modelKey: 'm',
      engine: 'cpu',
      settings,
      mesh,
      redaction,
      keepAnswers: false,
    })
  })

  it('that are damaged are the defaults, each for itself', () => {
    const none = new PreferenceStore(null).value
    for (const text of ['', 'null', '[]', '{', '7', '{"theme":"pink","sidebar":1,"engine":"x","modelKey":3}']) {
      expect(new PreferenceStore(shelf({ 'weft-preferences': text })).value).toEqual(none)
    }
    const odd =
      '"duty":0.3,"hours":{"from":1440,"to":1.5},"batteryMin":7,"chargingOnly":1,' +
      '"way":"none","promptTokensMax":7,"answerTokensMax":"128","jobsAtOnce":9,"donor":1'
    const names = '"redaction":{"anyone":1,"names":[" Ada ","",3,"Ada"]}'
    const mixed = `{"theme":"light",${names},"settings":{"system":7},"mesh":{"consent":"yes","gpuBytesMax":-1,"room":"#",${odd}}}`
    expect(new PreferenceStore(shelf({ 'weft-preferences': mixed })).value).toEqual({
      ...none,
      theme: 'light',
      redaction: { anyone: true, room: false, names: ['Ada'] },
    })
  })

  it('last until the page is closed where storage is refused or full', () => {
    const refuse = () => {
      throw new DOMException('', 'QuotaExceededError')
    }
    for (const refusing of [null, { getItem: refuse, setItem: refuse }]) {
      const store = new PreferenceStore(refusing)
      store.set({ theme: 'dark' })
      store.keepDraft('c', 'Half a thought')
      expect([store.value.theme, store.draft('c')]).toEqual(['dark', 'Half a thought'])
    }
  })
})

describe('drafts', () => {
  it('are kept by conversation, and forgotten when sent', () => {
    const kept = shelf()
    const store = new PreferenceStore(kept)
    store.keepDraft('', 'New')
    store.keepDraft('c', 'Other')
    store.keepDraft('', '')
    expect(['', 'c', 'unknown'].map((id) => new PreferenceStore(kept).draft(id))).toEqual(['', 'Other', ''])
  })

  it('are few and not too long: the oldest go', () => {
    const kept = shelf()
    const store = new PreferenceStore(kept)
    for (let index = 0; index <= DRAFTS_KEPT_MAX; index++) store.keepDraft(`c${index}`, 'x')
    expect(new PreferenceStore(kept).draft('c0')).toBe('')
    expect(new PreferenceStore(kept).draft(`c${DRAFTS_KEPT_MAX}`)).toBe('x')
    store.keepDraft('long', 'x'.repeat(DRAFTS_CHARACTERS_MAX + 1))
    const again = new PreferenceStore(kept)
    expect(again.draft(`c${DRAFTS_KEPT_MAX}`)).toBe('')
    expect(again.draft('long').length).toBe(DRAFTS_CHARACTERS_MAX)
  })

  it('of a damaged shelf are none', () => {
    for (const text of ['{', '7', '[["c"]]', '[["c",7]]', '{"c":"x"}']) {
      expect(new PreferenceStore(shelf({ 'weft-drafts': text })).draft('c')).toBe('')
    }
  })
})
