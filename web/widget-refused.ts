/**
 * What stands in the frame of a page that a key does not name, or whose key is none: a sentence, and a word to the page. Runs no
 * engine, no mesh and no chat, and keeps nothing.
 */
import './ui/tokens.css'
import './ui/base.css'
import './widget/refused.css'
import { refusalOf, sayRefused, sentencesOf } from './widget/refusal.ts'
import { writeEmbedWord } from './wire/embed-words.ts'

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
if (window.parent !== window) {
  sayRefused(window.parent, code)
  // On a phone the frame covers the launcher.
  const close = document.createElement('button')
  close.type = 'button'
  close.className = 'button'
  close.textContent = 'Close'
  close.addEventListener('click', () => window.parent.postMessage(writeEmbedWord({ kind: 'close' }), '*'))
  page?.append(close)
}
