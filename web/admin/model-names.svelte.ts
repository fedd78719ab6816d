/** What the models of this server are called, so that ids need not be read. A model that it does not have is named by its id's start. */
import { parseMirrorIndex } from '../wire/mirror.ts'

const SHORT_CHARACTERS = 8

export class ModelNames {
  #names = $state.raw<ReadonlyMap<string, string>>(new Map())

  constructor() {
    void this.#read()
  }

  of(id: string): string {
    return this.#names.get(id) ?? `Model ${id.slice(0, SHORT_CHARACTERS)}`
  }

  get all(): ReadonlyMap<string, string> {
    return this.#names
  }

  async #read(): Promise<void> {
    try {
      const index = parseMirrorIndex(await (await fetch('/models/index.json')).json())
      if (index.ok) this.#names = new Map(index.value.models.map(({ id, name }) => [id, name]))
    } catch {
      // Their ids stand there.
    }
  }
}
