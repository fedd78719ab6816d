/**
 * What stands in the frame of a page that a key does not name, or whose key is none: a sentence, and a word to the page. Runs no
 * engine, no mesh and no chat, and keeps nothing.
 */
import './ui/tokens.css'
import './ui/base.css'
import './widget/refused.css'
import { isOutage, refusalOf, sayRefused, sentencesOf } from './widget/refusal.ts'
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

const buttons = document.createElement('div')
buttons.className = 'buttons'

function addButton(name: string, onPress: () => void): void {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'button'
  button.textContent = name
  button.addEventListener('click', onPress)
  buttons.append(button)
  page?.append(buttons)
}

if (isOutage(code)) addButton('Try again', () => location.reload())
if (window.parent !== window) {
  sayRefused(window.parent, code)
  const close = () => window.parent.postMessage(writeEmbedWord({ kind: 'close' }), '*')
  // On a phone the frame covers the launcher.
  addButton('Close', close)
  window.addEventListener('keydown', ({ key }) => key === 'Escape' && close())
}
