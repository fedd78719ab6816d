/**
 * The SDK's entry: what a script imports. On a page of Weft it uses the `App` that is open there; on any other, the widget of
 * the partner's key. See `docs/SDK.md`.
 */
import { WeftError } from '../openai-run.ts'
import type { Scope } from '../wire/conversation.ts'
import { isPartnerKey } from '../wire/partner-keys.ts'
import { fail } from '../wire/result.ts'
import { APP_SLOT } from './app-slot.ts'
import { clientOf, type SdkApp, type WeftClient } from './client.ts'
import { foreignClient } from './foreign.ts'
import { widgetElement } from './widget-element.ts'

export interface WeftOptions {
  /** Of the Weft server; none stands for the page's own. */
  readonly url?: string
  /** Of a partner site; a page of Weft itself needs none, and looks at none. */
  readonly key?: string
  /** Who may take part in answering; none stands for this device only. On a page of another origin the key and the visitor say it. */
  readonly scope?: Scope
}

interface Slotted {
  readonly [APP_SLOT]?: SdkApp
}

const appOf = (page: object) => (page as Slotted)[APP_SLOT]

/** Weft in a frame of this page. What stands in frames of other origins cannot be looked at, and a worker has none. */
function framedApp(): SdkApp | undefined {
  const frames = typeof document === 'undefined' ? [] : document.querySelectorAll('iframe')
  for (const frame of frames) {
    const page = frame.contentDocument?.defaultView
    const app = page ? appOf(page) : undefined
    if (app) return app
  }
  return undefined
}

/**
 * Throws a `WeftError`: `app-missing` on a page of that server where Weft is open neither in it nor in a frame of it; on any other
 * `origin-foreign` without a key, `partner-unknown` with what is none, and `request-invalid` with a scope.
 */
export function createWeft({ url = location.origin, key, scope }: WeftOptions = {}): WeftClient {
  const home = URL.canParse(url, location.href) ? new URL('./', new URL(url, location.href)) : null
  if (home?.origin === location.origin) {
    const app = appOf(globalThis) ?? framedApp()
    if (!app) throw new WeftError(fail('app-missing', ''))
    return clientOf(app, scope === undefined ? {} : { scope })
  }
  if (!home || key === undefined) throw new WeftError(fail('origin-foreign', ''))
  if (!isPartnerKey(key)) throw new WeftError(fail('partner-unknown', ''))
  // One that was asked to stay on this device is not to leave it: who answers is not this page's to say.
  if (scope !== undefined) throw new WeftError(fail('request-invalid', '`scope` is of the key and the visitor here.'))
  return foreignClient(widgetElement(home.href, key))
}
