/**
 * `<weft-chat>` of a page: the one that stands there, else one that is added by the script of its server. Says what is missing; asks
 * nobody anything.
 */
import { WeftError } from '../openai-run.ts'
import { fail } from '../wire/result.ts'
import type { WidgetElement } from './foreign.ts'

const NAME = 'weft-chat'

type Placed = Element & WidgetElement & { serves(home: string, key: string): boolean }

/**
 * `home`: the folder of the Weft server. Throws `source-unreachable` where its script does not come, and `request-invalid` where the
 * page has the widget of another server or key.
 */
export async function widgetElement(home: string, key: string): Promise<WidgetElement> {
  if (!customElements.get(NAME)) await loaded(home, key)
  const chat = document.querySelector(NAME) ?? document.body.appendChild(document.createElement(NAME))
  if (isOf(chat) && chat.serves(home, key)) return chat
  throw new WeftError(fail('request-invalid', 'This page has the widget of another server or another `key`.'))
}

function isOf(chat: Element): chat is Placed {
  return 'serves' in chat && typeof chat.serves === 'function'
}

async function loaded(home: string, key: string): Promise<void> {
  const script = document.createElement('script')
  script.src = new URL('embed.js', home).href
  script.async = true
  script.dataset['weftKey'] = key
  script.dataset['weftManual'] = ''
  const failed = new Promise<never>((_, reject) => {
    script.addEventListener('error', () => reject(new WeftError(fail('source-unreachable', script.src))))
  })
  document.head.append(script)
  await Promise.race([customElements.whenDefined(NAME), failed])
}
