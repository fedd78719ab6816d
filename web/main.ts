/**
 * The composition root: the one place where the parts of the page are made and joined. Decides nothing else.
 */
import { httpCatalogue } from './catalogue.ts'
import { openPage } from './page.ts'
import { StageChat } from './schedule/stage-chat.ts'
import { askPersistence } from './weights/persistence.ts'
import { assert } from './wire/result.ts'

const target = document.querySelector('#page')
assert(target, 'index.html has #page')
const baseUrl = new URL('.', location.href).href

const engine = new StageChat({
  makeWorker: () =>
    new Worker(new URL('./engine/worker.ts', import.meta.url), { type: 'module', name: 'stage engine' }),
  baseUrl,
  askPersistence,
  now: () => performance.now(),
})

openPage({ engine, catalogue: httpCatalogue(baseUrl) }, target)
