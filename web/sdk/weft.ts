/**
 * The SDK's entry: what a script imports. On a page of Weft it uses the `App` that is open there; on any other it refuses,
 * and says so. See `docs/SDK.md`.
 */
import { WeftError } from '../openai-run.ts'
import type { Scope } from '../wire/conversation.ts'
import { fail } from '../wire/result.ts'
import { APP_SLOT } from './app-slot.ts'
import { clientOf, type SdkApp, type WeftClient } from './client.ts'

export interface WeftOptions {
  /** Of the Weft server; none stands for the page's own. */
  readonly url?: string
  /** Of a partner site; a page of Weft itself needs none. */
  readonly key?: string
  /** Who may take part in answering; none stands for this device only. */
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

/** Throws a `WeftError`: `origin-foreign` where the page is not of that server, `app-missing` where Weft is open neither in it nor in a frame of it. */
export function createWeft({ url = location.origin, scope = 'device' }: WeftOptions = {}): WeftClient {
  if (!URL.canParse(url, location.href) || new URL(url, location.href).origin !== location.origin)
    throw new WeftError(fail('origin-foreign', ''))
  const app = appOf(globalThis) ?? framedApp()
  if (!app) throw new WeftError(fail('app-missing', ''))
  return clientOf(app, { scope })
}
