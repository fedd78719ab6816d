/** The stock `openai` client in a page, pointed at the page's own origin and otherwise as it comes. Asks nothing itself. */
import OpenAI from 'openai'

declare global {
  var OpenAi: typeof OpenAI
  var openai: OpenAI
}

globalThis.OpenAi = OpenAI
globalThis.openai = new OpenAI({ baseURL: `${location.origin}/v1`, apiKey: 'none', dangerouslyAllowBrowser: true })
