/**
 * What stands in the frame of a page that a key does not name, or whose key is none: a sentence, and a word to the page. Runs no
 * engine, no mesh and no chat, and keeps nothing.
 */
import './ui/tokens.css'
import './ui/base.css'
import './widget/refused.css'
import { refusalOf, sayRefused, sentencesOf } from './widget/refusal.ts'

const meta = document.querySelector('meta[name="weft-refused"]')
const code = refusalOf(meta?.getAttribute('content'))
const page = document.querySelector('#page')
page?.replaceChildren(
  ...[...sentencesOf(code), code].map((text) => {
    const line = document.createElement('p')
    line.textContent = text
    return line
  }),
)
if (window.parent !== window) sayRefused(window.parent, code)
