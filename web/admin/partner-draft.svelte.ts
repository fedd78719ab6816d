/** A partner key as it stands in the form: texts of fields, and what they say once they are read. What a key may be is decided by its parser. */
import { type PartnerRecord, type PartnerScope, type PartnerWish, parsePartnerWish } from '../wire/partner-keys.ts'
import { fail, type Result } from '../wire/result.ts'
import { formatMicro, readMicro } from './admin-words.ts'

export class PartnerDraft {
  site = $state('')
  /** One a line, as are the questions. */
  origins = $state('')
  suggested = $state('')
  system = $state('')
  scope = $state<PartnerScope>('any')
  models = $state.raw<readonly string[]>([])
  payer = $state('')
  daily = $state('')

  constructor(partner: PartnerRecord | null) {
    if (!partner) return
    this.site = partner.site
    this.origins = partner.origins.join('\n')
    this.suggested = partner.suggested.join('\n')
    this.system = partner.system
    this.scope = partner.scope
    this.models = partner.models
    this.payer = partner.payer ?? ''
    this.daily = partner.payer === null ? '' : formatMicro(partner.dailyMicro)
  }

  setModel(id: string, on: boolean): void {
    this.models = on ? [...this.models, id] : this.models.filter((one) => one !== id)
  }

  /** Refusals: `request-invalid`. */
  read(): Result<PartnerWish> {
    const payer = this.payer.trim() || null
    const daily = payer === null ? 0n : readMicro(this.daily)
    if (daily === null) return fail('request-invalid', 'The budget is no amount of credits.')
    const { site, system, scope, models } = this
    const [origins, suggested] = [linesOf(this.origins).map(originOf), linesOf(this.suggested)]
    return parsePartnerWish({ site, origins, models, scope, system, suggested, payer, dailyMicro: daily.toString() })
  }
}

function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** An address of a page names its origin as well. */
function originOf(text: string): string {
  return URL.canParse(text) ? new URL(text).origin : text
}
