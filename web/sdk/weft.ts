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

/** Throws a `WeftError`: `origin-foreign` where the page is not of that server, `app-missing` where Weft is not open in it. */
export function createWeft({ url = location.origin, scope = 'device' }: WeftOptions = {}): WeftClient {
  if (!URL.canParse(url, location.href) || new URL(url, location.href).origin !== location.origin)
    throw new WeftError(fail('origin-foreign', ''))
  const app = (globalThis as { readonly [APP_SLOT]?: SdkApp })[APP_SLOT]
  if (!app) throw new WeftError(fail('app-missing', ''))
  return clientOf(app, { scope })
}
