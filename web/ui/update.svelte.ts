/**
 * A new version as a person meets it: told once, put aside until the next visit if they like, started when they say so.
 * Starts nothing by itself.
 */
import type { App } from '../app.ts'

export class Update {
  readonly #app: App
  #state: App['view']['update']
  #aside = $state(false)

  constructor(app: App) {
    this.#app = app
    this.#state = $state(app.view.update)
    app.subscribe(({ update }) => {
      this.#state = update
    })
  }

  /** `none` also where it was put aside. */
  get state(): App['view']['update'] {
    return this.#state === 'ready' && this.#aside ? 'none' : this.#state
  }

  /** After the answer that is being written in this tab. */
  start(): void {
    void this.#app.applyUpdate()
  }

  putAside(): void {
    this.#aside = true
  }
}
