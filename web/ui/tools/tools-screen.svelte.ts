/**
 * The state of the Tools screen: the text at hand, what each tool is set to, and its run. Asks by the helpers of the SDK over
 * `App`, within the scope that the person has picked here. Kept while the page lives, so that leaving the screen ends nothing.
 */
import type { App } from '../../app.ts'
import type { AppView, ModelEntry } from '../../app-view.ts'
import { clientOf } from '../../sdk/client.ts'
import type { Helpers } from '../../sdk/helper-set.ts'
import type { Hit, SemanticIndex } from '../../sdk/search.ts'
import type { Scope } from '../../wire/conversation.ts'
import { FailureError, type Result } from '../../wire/result.ts'
import { labelsOf, schemaOfFields } from './field-schema.ts'
import { ToolRun } from './tool-run.svelte.ts'

export const TOOL_NAMES = {
  summarise: 'Summarise',
  translate: 'Translate',
  replies: 'Replies',
  rewrite: 'Rewrite',
  classify: 'Classify',
  extract: 'Extract',
  search: 'Search',
} as const

export type ToolName = keyof typeof TOOL_NAMES

export type Way = 'shorter' | 'clearer' | 'formal' | 'friendly' | 'correct' | 'wish'
export type LabelSet = 'spam' | 'sentiment' | 'moderation' | 'own'

/** By what such models are called. Only sorts: any model can be picked. */
const EMBEDS = /bert|embed|bge|gte|e5-|minilm/i

function must<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new FailureError(result)
}

/** The browser's own language, unless most texts are in it already. */
function languageGuess(): string {
  const [code = 'en'] = navigator.language.split('-')
  return code === 'en' ? 'German' : (new Intl.DisplayNames(['en'], { type: 'language' }).of(code) ?? 'English')
}

export class ToolsScreen {
  readonly #app: App
  #view = $state.raw<AppView>() as AppView
  /** What the index was made of, so that a second look does not make it again. */
  #indexed: { readonly of: string; readonly index: SemanticIndex } | null = null

  tool = $state.raw<ToolName>('summarise')
  scope = $state.raw<Scope>('device')
  text = $state('')
  sentences = $state('3')
  language = $state(languageGuess())
  as = $state('')
  way = $state.raw<Way>('clearer')
  wish = $state('')
  labelSet = $state.raw<LabelSet>('sentiment')
  ownLabels = $state('')
  fields = $state('')
  texts = $state('')
  query = $state('')
  #embedder = $state.raw<string | null>(null)

  readonly summarise = new ToolRun<string>()
  readonly translate = new ToolRun<string>()
  readonly replies = new ToolRun<readonly string[]>()
  readonly rewrite = new ToolRun<string>()
  readonly classify = new ToolRun<string>()
  readonly extract = new ToolRun<unknown>()
  readonly search = new ToolRun<readonly Hit[]>()

  constructor(app: App) {
    this.#app = app
    app.subscribe((view) => {
      this.#view = view
    })
  }

  get view(): AppView {
    return this.#view
  }

  /** The model that answers. */
  get model(): ModelEntry | null {
    return this.#view.entries.find(({ key }) => key === this.#view.selectedKey) ?? null
  }

  /** Models that may make vectors, the likely ones first. */
  get embedders(): readonly ModelEntry[] {
    const likely = (entry: ModelEntry) => EMBEDS.test(`${entry.model.architecture} ${entry.model.name}`)
    const files = this.#view.entries.filter(({ model, pending }) => model.format === 'gguf' && !pending)
    return [...files.filter(likely), ...files.filter((entry) => !likely(entry))]
  }

  get embedder(): string | null {
    return this.#embedder ?? this.embedders[0]?.key ?? null
  }

  pickEmbedder(key: string): void {
    this.#embedder = key
  }

  get labelsKnown(): Helpers['labels'] {
    return this.#helpers.labels
  }

  get #helpers(): Helpers {
    return clientOf(this.#app, { scope: this.scope }).helpers
  }

  /** Of one tool, with what stands in its form. */
  async run(tool: ToolName): Promise<void> {
    const { text } = this
    const helpers = this.#helpers
    if (tool === 'summarise')
      await this.summarise.start((hear) => helpers.summarise(text, { ...hear, sentences: Number(this.sentences) }))
    else if (tool === 'translate')
      await this.translate.start((hear) => helpers.translate(text, { ...hear, to: this.language.trim() }))
    else if (tool === 'replies') {
      const as = this.as.trim()
      await this.replies.start((hear) => helpers.replies(text, { ...hear, ...(as === '' ? {} : { as }) }))
    } else if (tool === 'rewrite') {
      const way = this.way === 'wish' ? { wish: this.wish.trim() } : this.way
      await this.rewrite.start((hear) => helpers.rewrite(text, { ...hear, way }))
    } else if (tool === 'classify')
      await this.classify.start(({ signal }) => helpers.classify(text, this.#labels(), { signal }))
    else if (tool === 'extract')
      await this.extract.start(async (hear) => helpers.extract(text, must(schemaOfFields(this.fields)), hear))
    else await this.search.start(({ signal }) => this.#find(helpers, signal))
  }

  stop(tool: ToolName): void {
    this[tool].stop()
  }

  #labels(): Readonly<Record<string, string>> {
    return this.labelSet === 'own' ? must(labelsOf(this.ownLabels)) : this.labelsKnown[this.labelSet]
  }

  async #find(helpers: Helpers, signal: AbortSignal): Promise<readonly Hit[]> {
    const model = this.embedder
    const of = `${model}\n${this.texts}`
    if (this.#indexed?.of !== of) {
      const index = helpers.index(model === null ? {} : { model })
      const texts = this.texts.split('\n').filter((line) => line.trim() !== '')
      await index.add(
        texts.map((line, at) => ({ id: String(at), text: line.trim() })),
        signal,
      )
      this.#indexed = { of, index }
    }
    return this.#indexed.index.search(this.query, { signal })
  }
}
