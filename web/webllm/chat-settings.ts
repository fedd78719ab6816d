/**
 * What is read of a model's `mlc-chat-config.json`: its context and its conversation template. The only way it enters;
 * WebLLM reads the same file again and believes all of it, so what is refused here never reaches it. Pure.
 */
import { MLC_CONFIG } from '../wire/mlc-model.ts'
import { fail, ok, type Result } from '../wire/result.ts'

/** MLC's own names, so that a template can be compared with the file that it came from. */
export interface ConversationTemplate {
  readonly system_template: string
  readonly system_message: string
  /** Ids that come before everything, as the begin token; they are not part of the text. */
  readonly system_prefix_token_ids: readonly number[]
  readonly roles: Readonly<Record<string, string>>
  readonly role_templates: Readonly<Record<string, string>>
  readonly seps: readonly string[]
  readonly role_content_sep: string
  readonly role_empty_sep: string
  readonly add_role_after_system_message: boolean
  readonly render_empty_system_message: boolean
}

export interface ChatSettings {
  /** -1: the model has a sliding window instead. */
  readonly contextWindow: number
  readonly slidingWindow: number
  /** Null for a model that does not chat. */
  readonly template: ConversationTemplate | null
  /** It decodes the first token of a text without its space: an answer that goes on may lose one there. */
  readonly stripsSpace: boolean
}

type Item = Readonly<Record<string, unknown>>

function record(value: unknown): Item | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Item) : null
}

function texts(value: unknown): Readonly<Record<string, string>> | null {
  const item = record(value)
  if (!item || !Object.values(item).every((text) => typeof text === 'string')) return null
  return item as Readonly<Record<string, string>>
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}

function windowOf(value: unknown): number | null {
  if (value === undefined || value === null) return -1
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= -1 && value !== 0 ? value : null
}

/** Defaults are WebLLM's: a missing separator is `: `, also where `""` would read better. */
function parseTemplate(value: unknown): ConversationTemplate | null {
  const item = record(value)
  if (!item) return null
  const roles = texts(item['roles'])
  const seps = item['seps']
  const prefix = item['system_prefix_token_ids']
  if (roles?.['user'] === undefined || roles['assistant'] === undefined) return null
  if (!Array.isArray(seps) || seps.length === 0 || !seps.every((sep) => typeof sep === 'string')) return null
  return {
    system_template: text(item['system_template'], ''),
    system_message: text(item['system_message'], ''),
    system_prefix_token_ids: Array.isArray(prefix) && prefix.every(Number.isSafeInteger) ? prefix : [],
    roles,
    role_templates: texts(item['role_templates']) ?? {},
    seps,
    role_content_sep: text(item['role_content_sep'], ': '),
    role_empty_sep: text(item['role_empty_sep'], ': '),
    add_role_after_system_message: item['add_role_after_system_message'] !== false,
    render_empty_system_message: item['render_empty_system_message'] !== false,
  }
}

/** Refusal: `manifest-invalid`. */
export function parseChatSettings(bytes: Uint8Array): Result<ChatSettings> {
  const bad = (what: string) => fail('manifest-invalid', `${MLC_CONFIG}: ${what}`)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return bad('it is not JSON.')
  }
  const item = record(value)
  if (!item) return bad('it is not an object.')
  const contextWindow = windowOf(item['context_window_size'])
  const slidingWindow = windowOf(item['sliding_window_size'])
  if (contextWindow === null || slidingWindow === null) return bad('a window is no count.')
  if (contextWindow === -1 && slidingWindow === -1) return bad('it says no context.')
  if (!Array.isArray(item['tokenizer_files'])) return bad('it names no tokenizer.')
  const given = record(item['conv_template'])
  const template = given ? parseTemplate({ ...given, ...record(item['conv_config']) }) : null
  if (given && !template) return bad('its conversation template has no roles or separators.')
  const stripsSpace = record(item['tokenizer_info'])?.['strip_space_in_decode'] === true
  return ok({ contextWindow, slidingWindow, template, stripsSpace })
}
