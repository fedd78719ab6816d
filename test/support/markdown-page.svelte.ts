/**
 * Entry of a page that is one answer: the product's Markdown under the headings it has in a conversation, in the width
 * it has there. A test says what the answer is by now. Never part of the product.
 */
import { mount, tick } from 'svelte'
import '../../web/ui/tokens.css'
import '../../web/ui/base.css'
import Markdown from '../../web/ui/markdown/Markdown.svelte'

interface MarkdownPage {
  /** The whole text so far; resolves when it is drawn. */
  show(text: string, running: boolean): Promise<void>
}

declare global {
  interface Window {
    answer: MarkdownPage
  }
}

const shown = $state({ text: '', running: true })

window.answer = {
  async show(text, running) {
    shown.text = text
    shown.running = running
    await tick()
  },
}

function heading(level: 'h1' | 'h2', text: string): HTMLElement {
  const element = document.createElement(level)
  element.textContent = text
  element.className = 'visually-hidden'
  return element
}

const frame = document.createElement('main')
const box = document.createElement('div')
// What an answer has in a conversation, on a page with its gutters.
frame.style.padding = '24px 16px'
box.className = 'text'
box.style.maxWidth = 'var(--measure)'
box.style.fontSize = 'var(--size-17)'
frame.append(heading('h1', 'Weft'), heading('h2', 'Answer'), box)
document.body.replaceChildren(frame)
mount(Markdown, { target: box, props: shown })
