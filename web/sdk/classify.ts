/** Which of some labels a text has: own ones, or one of the sets here. A label with words about it is told better. */
import { SCHEMA_BRANCHES_MAX } from '../wire/limits/engine.ts'
import { type Chat, fill, type HelperOptions, invalid, type Prompt } from './helper-call.ts'

/** A label, and what it means. */
export type Labels<Label extends string> = Readonly<Record<Label, string>>

export const LABELS = {
  spam: {
    spam: 'unasked advertising, fraud or phishing',
    'not spam': 'anything that a person would want to read',
  },
  sentiment: {
    positive: 'content, praise, joy',
    neutral: 'neither',
    negative: 'discontent, blame, sorrow',
  },
  moderation: {
    fine: 'nothing of what follows',
    harassment: 'insults or threats against a person',
    hate: 'against people for what they are',
    sexual: 'sexual content',
    violence: 'praise of violence, or how to do it',
    'self-harm': 'about hurting oneself',
  },
} as const

export function classifyPrompt(text: string, labels: Labels<string>): Prompt {
  const list = Object.entries(labels).map(([label, meaning]) => `- ${label}${meaning === '' ? '' : `: ${meaning}`}`)
  return { system: `Say which one label the text has.\n${list.join('\n')}`, user: text }
}

export function classifySchema(labels: readonly string[]): object {
  return {
    type: 'object',
    properties: { label: { enum: labels } },
    required: ['label'],
    additionalProperties: false,
  }
}

export async function classify<Label extends string>(
  weft: Chat,
  text: string,
  labels: Labels<Label>,
  options: HelperOptions = {},
): Promise<Label> {
  const names = Object.keys(labels)
  if (names.length < 2 || names.length > SCHEMA_BRANCHES_MAX)
    throw invalid(`There must be 2 to ${SCHEMA_BRANCHES_MAX} labels.`)
  const { label } = (await fill(weft, classifyPrompt(text, labels), classifySchema(names), options)) as { label: Label }
  return label
}
