/**
 * The composition root of the frame in partners' pages. Until the visitor has agreed to something it loads what draws the
 * question, and no engine, no mesh and no store.
 */
import { mount } from 'svelte'
import './ui/tokens.css'
import './ui/base.css'
import './widget/themed.css'
import { hostOrigin } from './widget/bridge.ts'
import { meansOf } from './widget/means.ts'
import { lookAtPartner } from './widget/partner-look.ts'
import { Seen } from './widget/seen.ts'
import { Sight } from './widget/sight.ts'
import { browserAsking, FrameStorage } from './widget/storage-access.ts'
import Widget from './widget/Widget.svelte'
import { WidgetFrame } from './widget/widget-frame.svelte.ts'
import { EMBED_ASK_SEEN_MS_MAX } from './wire/limits/partners.ts'
import { assert } from './wire/result.ts'

const target = document.querySelector('#page')
assert(target, 'widget.html has #page')
const baseUrl = new URL('.', location.href).href
const key = new URL(location.href).searchParams.get('key') ?? ''

/** A browser may refuse it by throwing at the first touch. */
function ownShelf(): Storage | null {
  try {
    return localStorage
  } catch {
    return null
  }
}

const sight = new Sight()
const seen = new Seen()
const storage = new FrameStorage(browserAsking())
const frame = new WidgetFrame({
  host: window.parent === window ? null : window.parent,
  origin: hostOrigin(location.ancestorOrigins, document.referrer),
  look: () => lookAtPartner(baseUrl, key),
  shelf: ownShelf(),
  storage,
  async openRoom(wish) {
    const { openRoom } = await import('./widget-room.ts')
    const inSight = () => seen.soon(EMBED_ASK_SEEN_MS_MAX)
    return openRoom({ ...wish, baseUrl, key, watchVisible: seen.watch, inSight, granted: storage.granted })
  },
  async openCalls(parts) {
    const { PageCalls } = await import('./widget/page-calls.ts')
    return new PageCalls({ ...parts, watchSeen: seen.watch })
  },
  nowMs: () => performance.now(),
})
window.addEventListener('message', (event) => frame.hear(event))
mount(Widget, {
  target,
  props: { frame, sight, seen, means: meansOf(navigator, sight.exact), weft: { host: location.host, url: baseUrl } },
})
void frame.start()
