/**
 * The state of the list of conversations: what is searched, what is renamed, what was just deleted, files in and out.
 * Talks to `App` only; wording is in the components.
 */
import type { App } from '../app.ts'
import type { Hit } from '../app-conversations-view.ts'
import type { Conversation } from '../wire/conversation.ts'
import { IMPORT_BYTES_MAX } from '../wire/limits/conversations.ts'
import { type Failure, fail } from '../wire/result.ts'
import { saveText } from './save-file.ts'

/** Long enough that typing is not searched letter by letter. */
const PAUSE_MS = 150
const DAY_MS = 86_400_000

export interface Group {
  readonly title: string
  readonly items: readonly Conversation[]
}

export class ConversationList {
  readonly #app: App
  #ids = $state.raw<readonly string[]>([])
  #query = $state('')
  #hits = $state.raw<readonly Hit[]>([])
  #searching = $state(false)
  #renamingId = $state<string | null>(null)
  #trouble = $state.raw<Failure | null>(null)
  #imported = $state<number | null>(null)
  #timer: ReturnType<typeof setTimeout> | null = null
  #abort = new AbortController()

  constructor(app: App) {
    this.#app = app
    let shown: unknown = null
    app.conversations.subscribe(({ list }) => {
      if (list === shown) return
      shown = list
      this.#ids = list.map(({ id }) => id)
    })
  }

  /** Of all that are kept, newest first. */
  get ids(): readonly string[] {
    return this.#ids
  }

  get query(): string {
    return this.#query
  }

  set query(text: string) {
    this.#query = text
    this.#abort.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#searching = text.trim() !== ''
    if (this.#searching) this.#timer = setTimeout(() => void this.#search(), PAUSE_MS)
    else this.#hits = []
  }

  get hits(): readonly Hit[] {
    return this.#hits
  }

  get searching(): boolean {
    return this.#searching
  }

  get renamingId(): string | null {
    return this.#renamingId
  }

  set renamingId(id: string | null) {
    this.#renamingId = id
  }

  get trouble(): Failure | null {
    return this.#trouble
  }

  /** How many conversations the last file brought; null when there is nothing to tell. */
  get imported(): number | null {
    return this.#imported
  }

  async rename(id: string, title: string): Promise<void> {
    this.#renamingId = null
    await this.#app.conversations.rename(id, title)
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#app.conversations.remove(ids)
  }

  async restore(ids: readonly string[]): Promise<void> {
    await this.#app.conversations.restore(ids)
  }

  /** All conversations, or one, as a file. */
  async exportFile(id?: string): Promise<void> {
    const file = await this.#app.conversations.files.write(id === undefined ? undefined : [id])
    this.#trouble = file.ok ? null : file
    const name = `weft-conversations-${new Date().toISOString().slice(0, 10)}.json`
    if (file.ok) saveText(name, 'application/json', file.value)
  }

  /** The conversation on the clipboard. */
  async copyMarkdown(id: string): Promise<void> {
    const text = await this.#app.conversations.files.markdown(id)
    this.#trouble = text.ok ? null : text
    if (text.ok) await navigator.clipboard.writeText(text.value)
  }

  async importFile(file: File): Promise<void> {
    this.#imported = null
    if (file.size > IMPORT_BYTES_MAX) {
      this.#trouble = fail('import-too-large', `It has ${file.size} bytes; ${IMPORT_BYTES_MAX} are allowed.`)
      return
    }
    const read = await this.#app.conversations.files.read(await file.text())
    this.#trouble = read.ok ? null : read
    this.#imported = read.ok ? read.value : null
  }

  dismiss(): void {
    this.#trouble = null
    this.#imported = null
  }

  async #search(): Promise<void> {
    this.#abort = new AbortController()
    const { signal } = this.#abort
    const found = await this.#app.conversations.search(this.#query, signal)
    if (signal.aborted) return
    this.#searching = false
    this.#hits = found.ok ? found.value : []
    if (!found.ok) this.#trouble = found
  }
}

/** Newest first, under the words people use for days. */
export function groupByAge(list: readonly Conversation[], nowMs: number): readonly Group[] {
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0)
  const titles: readonly (readonly [string, number])[] = [
    ['Today', midnight],
    ['Yesterday', midnight - DAY_MS],
    ['Last 7 days', midnight - 7 * DAY_MS],
    ['Last 30 days', midnight - 30 * DAY_MS],
    ['Older', Number.NEGATIVE_INFINITY],
  ]
  const groups = new Map<string, Conversation[]>()
  for (const conversation of list) {
    const [title] = titles.find(([, sinceMs]) => conversation.changedMs >= sinceMs) ?? ['Older']
    groups.set(title, [...(groups.get(title) ?? []), conversation])
  }
  return titles.flatMap(([title]) => {
    const items = groups.get(title)
    return items ? [{ title, items }] : []
  })
}
