/**
 * The script that a partner's page loads: `<script src="https://host/embed.js" data-weft-key="…" async></script>`. Defines
 * `<weft-chat>` and adds one at the end of the page; with `data-weft-manual` the page places its own. Fetches nothing, sets no cookie.
 */
import { WeftChat } from './weft-chat.ts'

const NAME = 'weft-chat'
const ATTRIBUTES = ['label', 'look', 'language', 'side'] as const

function start(script: HTMLScriptElement): void {
  const home = new URL('.', script.src).href
  const { weftKey = '', weftManual } = script.dataset
  // A page that has the tag twice has one widget.
  if (customElements.get(NAME)) return
  customElements.define(
    NAME,
    class extends WeftChat {
      protected override readonly home = home
      protected override readonly key = weftKey
    },
  )
  if (weftManual !== undefined) return
  const chat = document.createElement(NAME)
  for (const name of ATTRIBUTES) {
    const value = script.getAttribute(`data-weft-${name}`)
    if (value !== null) chat.setAttribute(name, value)
  }
  const add = () => document.body.append(chat)
  if (document.body) add()
  else document.addEventListener('DOMContentLoaded', add, { once: true })
}

const script = document.currentScript
if (script instanceof HTMLScriptElement) start(script)
else console.error('weft: embed.js is loaded by a script tag with data-weft-key, not by import.')
