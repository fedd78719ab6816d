/** The helpers as one object over a client: `weft.helpers`. Each is in a file of its own; nothing is decided here. */
import type { Weft } from '../openai.ts'
import { classify, LABELS, type Labels } from './classify.ts'
import { extract } from './extract.ts'
import type { HelperOptions } from './helper-call.ts'
import { type RepliesOptions, replies } from './replies.ts'
import { type RewriteOptions, rewrite } from './rewrite.ts'
import { SemanticIndex } from './search.ts'
import { type SummariseOptions, summarise } from './summarise.ts'
import { type TranslateOptions, translate } from './translate.ts'

export interface Helpers {
  /** Sets of labels for `classify`. */
  readonly labels: typeof LABELS
  summarise(text: string, options?: SummariseOptions): Promise<string>
  translate(text: string, options: TranslateOptions): Promise<string>
  rewrite(text: string, options: RewriteOptions): Promise<string>
  replies(message: string, options?: RepliesOptions): Promise<readonly string[]>
  classify<Label extends string>(text: string, labels: Labels<Label>, options?: HelperOptions): Promise<Label>
  /** A value of the schema. */
  extract(text: string, schema: object, options?: HelperOptions): Promise<unknown>
  /** An empty index of texts, whose vectors stay in this page. `model`: one that makes embeddings. */
  index(options?: { readonly model?: string }): SemanticIndex
}

export function helpersOf(weft: Weft): Helpers {
  return {
    labels: LABELS,
    summarise: (text, options) => summarise(weft, text, options),
    translate: (text, options) => translate(weft, text, options),
    rewrite: (text, options) => rewrite(weft, text, options),
    replies: (message, options) => replies(weft, message, options),
    classify: (text, labels, options) => classify(weft, text, labels, options),
    extract: (text, schema, options) => extract(weft, text, schema, options),
    index: (options) => new SemanticIndex(weft, options),
  }
}
