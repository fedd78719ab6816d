/**
 * The composition root: the one place where the parts of the page are made and joined. Decides nothing else.
 */
import { httpCatalogue } from './catalogue.ts'
import { openPage } from './page.ts'
import { StageChat } from './schedule/stage-chat.ts'

const engine = new StageChat({
  makeWorker: () => new Worker(new URL('./engine/worker.ts', import.meta.url), { type: 'module', name: 'engine' }),
  baseUrl: document.baseURI,
  askPersistence: async () => (await navigator.storage?.persist?.()) ?? false,
  now: () => performance.now(),
})

const target = document.getElementById('page') ?? document.body
openPage({ engine, catalogue: httpCatalogue(document.baseURI) }, target)
