/** What a schema names, read out of a text. The value fits the schema; whether it is true is the model's part. */
import { type Chat, fill, type HelperOptions, type Prompt } from './helper-call.ts'

export function extractPrompt(text: string): Prompt {
  return {
    system: 'Read out of the text what the schema names. Make up nothing that the text does not say.',
    user: text,
  }
}

export function extract(weft: Chat, text: string, schema: object, options: HelperOptions = {}): Promise<unknown> {
  return fill(weft, extractPrompt(text), schema, options)
}
