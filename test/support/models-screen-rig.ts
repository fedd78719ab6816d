/**
 * The Models screen over a played engine, mirror, store and hub, for a file of tests: one small model that runs, one
 * that is too large and one that nobody knows. Registers the test runner's hooks, those of the played page.
 */
import type { Locator, Page } from 'playwright'
import { expect } from 'vitest'
import type { ModelSummary } from '../../web/wire/model.ts'
import { fakeModel } from './fake-engine.ts'
import type { Fake } from './fake-page.ts'
import { type PlayedPage, usePlayedPage } from './played-page.ts'

export const DIGEST = '3fa9c21b'.repeat(8)
export const small = fakeModel(1, { name: 'Small-Instruct', license: 'Apache-2.0', fileSha256: DIGEST })
export const large = fakeModel(2, { name: 'Large-Instruct', fileBytes: 42e9 })
export const odd = fakeModel(3, { name: 'Odd-Instruct' })
const models = [small, large, odd]
export const mirror = { models, adding: [], failed: [], defaultId: small.id }

interface Scene {
  /** A desk if not given. */
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly media?: Parameters<Page['emulateMedia']>[0]
  readonly mirror?: object
  readonly facts?: object
  readonly kept?: readonly object[]
  readonly models?: readonly ModelSummary[]
  readonly hub?: readonly (readonly [name: string, offers: object])[]
}

export interface ModelsScreenRig {
  readonly play: PlayedPage
  open(scene?: Scene): Promise<void>
  group(name: string): Locator
  row(name: string): Locator
  button(name: string): Locator
  untilDownloading(): Promise<unknown>
  /** To those who listen to the page. */
  spoken(text: string): Promise<void>
  expectAccessible(): Promise<void>
  /** Neither the page nor what scrolls in it is wider than the window. */
  expectNoSideways(): Promise<void>
}

export function useModelsScreen(): ModelsScreenRig {
  const used = usePlayedPage()
  const page = () => used.current.page

  return {
    get play() {
      return used.current
    },
    async open({ viewport, media = {}, ...scene } = {}) {
      if (viewport) await page().setViewportSize(viewport)
      await page().emulateMedia(media)
      const setup = { mirror: { ok: true, value: mirror }, facts: null, kept: [], hub: [], models, ...scene }
      await page().addInitScript((given) => {
        window.fakeSetup = ({ engine, catalogue, store }: Fake) => {
          const [, tooLarge, unknown] = given.models
          engine.knows(given.models)
          const numbers = { gpuBytes: 44e9, gpuBytesMax: 2e9, fits: false }
          engine.inspections.set(tooLarge?.id ?? '', { ok: true, value: numbers })
          const refused = { ok: false, code: 'architecture-unsupported', detail: 'It is mamba.' } as const
          engine.inspections.set(unknown?.id ?? '', refused)
          engine.tested = { ok: true, value: { adapter: 'Test GPU', bytesPerSecond: 188e9 } }
          catalogue.mirror = given.mirror as never
          if (given.facts) engine.facts = given.facts as never
          engine.kept = given.kept as never
          for (const [name, offers] of given.hub) store.hub.set(name, offers as never)
        }
      }, setup)
      await page().goto(`${used.current.url}#/models`)
      await page().getByRole('heading', { name: 'Models', level: 2 }).waitFor()
    },
    group: (name) => page().getByRole('region', { name, exact: true }),
    row: (name) => page().getByRole('listitem', { name }),
    button: (name) => used.current.button(name),
    untilDownloading: () => page().waitForFunction(() => window.fake.store.downloading),
    spoken: (text) => page().getByRole('status').filter({ hasText: text }).waitFor({ state: 'attached' }),
    expectAccessible: () => used.current.expectAccessible(),
    async expectNoSideways() {
      const over = await page().evaluate(() => {
        const main = document.querySelector('main')
        return [
          document.documentElement.scrollWidth - window.innerWidth,
          (main?.scrollWidth ?? 0) - (main?.clientWidth ?? 0),
        ]
      })
      expect(Math.max(...over)).toBeLessThanOrEqual(0)
    },
  }
}
