/**
 * The composition root of the app's page: the one place where its parts are made and joined. Decides nothing else.
 */
import { browserParts, browserShelf } from './compose.ts'
import { openDoor } from './openai-door.ts'
import { openPage } from './page.ts'
import { openConversations } from './store/kept-conversations.ts'
import { openResults } from './store/kept-results.ts'
import { PreferenceStore } from './store/preferences.ts'
import { writersOf } from './store/writers.ts'
import { Updates } from './updates.ts'
import { type Launch, parseLaunch, SHARED_FIELDS } from './wire/launch.ts'
import { assert } from './wire/result.ts'

const target = document.querySelector('#page')
assert(target, 'index.html has #page')
const shelf = browserShelf()

/** What the address asks for, once: a reload asks for nothing. */
function takeLaunch(): Launch {
  const launch = parseLaunch(location.href)
  if (launch.shared !== null) {
    const address = new URL(location.href)
    for (const field of SHARED_FIELDS) address.searchParams.delete(field)
    history.replaceState(history.state, '', address)
  }
  return launch
}

const updates = new Updates()
const parts = {
  ...browserParts({ baseUrl: new URL('.', location.href).href, shelf }),
  updates,
  preferences: new PreferenceStore(shelf),
  results: openResults,
  conversations: { store: openConversations(), writers: writersOf('locks' in navigator ? navigator.locks : null) },
  launch: takeLaunch(),
}
const app = openPage(parts, target)

// Only what was built can be kept; from source the page would never see a change.
if (import.meta.env.PROD) {
  updates.start(new URL(import.meta.url).pathname)
  openDoor((port) => void import('./openai-port.ts').then(({ serveCall }) => serveCall(app, port)))
  // A model that is kept should answer without the network too, also on another engine than today's.
  app.subscribe(({ entries, load }) => {
    const kept = entries.filter((entry) => entry.kept).map(({ model }) => model.format)
    if (kept.includes('gguf')) updates.keepEngine('cpu')
    if (kept.includes('mlc')) updates.keepEngine('webllm')
    if (load.state === 'ready') updates.keepEngine(load.loaded.engine)
  })
}
