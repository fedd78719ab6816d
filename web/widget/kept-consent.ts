/**
 * What a visitor has answered to the consent, by the site that the frame stands in, with the share of the time to give. Small and checked on the way out; where
 * the browser refuses storage it lasts as long as the frame. Asks nobody.
 */
import { EMBED_CONSENTS, type EmbedConsent } from '../wire/embed-words.ts'
import { DUTIES } from '../wire/limits/giving.ts'
import { EMBED_CONSENTS_KEPT_MAX } from '../wire/limits/partners.ts'

const KEY = 'weft-widget-consents'
const DUTY = 0.5

interface Kept {
  readonly consent: EmbedConsent
  readonly duty: number
}

export type ConsentShelf = Pick<Storage, 'getItem' | 'setItem'> | null

export class KeptConsent {
  readonly #site: string
  #terms = ''
  #shelf: ConsentShelf

  constructor(site: string, shelf: ConsentShelf) {
    this.#site = site
    this.#shelf = shelf
  }

  /** What is agreed to: an answer to other terms is none to these. */
  within(terms: string): void {
    this.#terms = ` ${terms}`
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
    return this.#all().get(this.#name)?.consent ?? 'none'
  }

  /** The share of the time that was picked with it. */
  get duty(): number {
    return this.#all().get(this.#name)?.duty ?? DUTY
  }

  keep(consent: EmbedConsent, duty: number): void {
    const all = this.#all()
    this.#takeBack(all, consent)
    all.delete(this.#name)
    if (consent !== 'none') all.set(this.#name, { consent, duty })
    const rows = [...all].map(([name, kept]) => [name, kept.consent, kept.duty])
    try {
      this.#shelf?.setItem(KEY, JSON.stringify(rows.slice(-EMBED_CONSENTS_KEPT_MAX)))
    } catch {
      // Full or refused: it is asked again next time.
    }
  }

  /** Under whatever terms this site was answered before: the newest answer is the narrowest one that holds. */
  #takeBack(all: Map<string, Kept>, consent: EmbedConsent): void {
    for (const [name, kept] of [...all]) {
      if (!name.startsWith(`${this.#site} `)) continue
      if (consent === 'none') all.delete(name)
      else if (consent === 'use' && kept.consent === 'give') all.set(name, { ...kept, consent })
    }
  }

  get #name(): string {
    return this.#site + this.#terms
  }

  #all(): Map<string, Kept> {
    try {
      const rows: unknown = JSON.parse(this.#shelf?.getItem(KEY) ?? '[]')
      return new Map((Array.isArray(rows) ? rows : []).flatMap(readRow))
    } catch {
      return new Map()
    }
  }
}

function readRow(row: unknown): [string, Kept][] {
  if (!Array.isArray(row) || typeof row[0] !== 'string') return []
  const consent = EMBED_CONSENTS.find((one) => one === row[1])
  const duty = DUTIES.find((one) => one === row[2]) ?? DUTY
  return consent === undefined ? [] : [[row[0], { consent, duty }]]
}
