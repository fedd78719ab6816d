/**
 * What a visitor has answered to the consent, by the site that the frame stands in. Small and checked on the way out; where
 * the browser refuses storage it lasts as long as the frame. Asks nobody.
 */
import { EMBED_CONSENTS, type EmbedConsent } from '../wire/embed-words.ts'
import { EMBED_CONSENTS_KEPT_MAX } from '../wire/limits/partners.ts'

const KEY = 'weft-widget-consents'

export type ConsentShelf = Pick<Storage, 'getItem' | 'setItem'> | null

export class KeptConsent {
  #site: string
  #shelf: ConsentShelf

  constructor(site: string, shelf: ConsentShelf) {
    this.#site = site
    this.#shelf = shelf
  }

  /** What is agreed to: an answer to other terms is none to these. */
  within(terms: string): void {
    this.#site = `${this.#site} ${terms}`
  }

  /** Whether the answer outlives the frame. */
  get kept(): boolean {
    return this.#shelf !== null
  }

  /** One that the browser has granted since. */
  moveTo(shelf: ConsentShelf): void {
    this.#shelf ??= shelf
  }

  get value(): EmbedConsent {
    return this.#all().get(this.#site) ?? 'none'
  }

  set value(consent: EmbedConsent) {
    const all = this.#all()
    all.delete(this.#site)
    if (consent !== 'none') all.set(this.#site, consent)
    try {
      this.#shelf?.setItem(KEY, JSON.stringify([...all].slice(-EMBED_CONSENTS_KEPT_MAX)))
    } catch {
      // Full or refused: it is asked again next time.
    }
  }

  #all(): Map<string, EmbedConsent> {
    try {
      const pairs: unknown = JSON.parse(this.#shelf?.getItem(KEY) ?? '[]')
      return new Map((Array.isArray(pairs) ? pairs : []).flatMap(readPair))
    } catch {
      return new Map()
    }
  }
}

function readPair(pair: unknown): [string, EmbedConsent][] {
  if (!Array.isArray(pair) || typeof pair[0] !== 'string') return []
  const consent = EMBED_CONSENTS.find((one) => one === pair[1])
  return consent === undefined ? [] : [[pair[0], consent]]
}
