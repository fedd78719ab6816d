/**
 * What stands beside the chat: the list of conversations and the drawer. On a wide window the list has its own column and
 * is remembered; on a narrow one it lies over the chat and closes by itself. Touches no conversation.
 */
import type { App } from '../app.ts'

/** As in `Page.svelte`: below it there is one column. */
const WIDE = '(min-width: 60rem)'

export class Layout {
  readonly #app: App
  readonly #query = matchMedia(WIDE)
  #wide = $state(false)
  #beside = $state(true)
  #over = $state(false)
  #settings = $state(false)
  #searchWanted = $state(0)

  constructor(app: App) {
    this.#app = app
    this.#wide = this.#query.matches
    this.#beside = app.preferences.value.sidebar
    this.#query.addEventListener('change', ({ matches }) => {
      this.#wide = matches
      this.#over = false
    })
  }

  get wide(): boolean {
    return this.#wide
  }

  get listOpen(): boolean {
    return this.#wide ? this.#beside : this.#over
  }

  toggleList(): void {
    if (!this.#wide) this.#over = !this.#over
    else {
      this.#beside = !this.#beside
      this.#app.preferences.set({ sidebar: this.#beside })
    }
  }

  /** Opens the list and goes to its search field. */
  search(): void {
    if (!this.listOpen) this.toggleList()
    this.#searchWanted++
  }

  /** Grows with every wish to search. */
  get searchWanted(): number {
    return this.#searchWanted
  }

  /** After something was picked: a list that lies over the chat has done its work. */
  closeOver(): void {
    this.#over = false
  }

  /** The settings of the open conversation. */
  get settingsOpen(): boolean {
    return this.#settings
  }

  set settingsOpen(open: boolean) {
    this.#settings = open
  }
}
