/**
 * Screens of the mesh for pictures: the page that ships over a played mesh, because a machine that takes pictures has neither
 * a GPU nor a dozen of other tabs. What is played is said where the pictures are shown.
 */
import type { Page } from 'playwright'
import { fakeModel } from '../support/fake-engine.ts'
import type { Fake } from '../support/fake-page.ts'
import { type FakePageServer, serveFakePage } from '../support/fake-page-server.ts'

const LAYERS = 32
const model = fakeModel(1, { name: 'SmolLM2-360M-Instruct Q8_0', license: 'Apache-2.0', layers: LAYERS })
const mirror = { models: [model], adding: [], failed: [], defaultId: model.id }

let serving: Promise<FakePageServer> | null = null

export interface Played {
  readonly url: string
  close(): Promise<void>
}

/** One for all pictures; `closePlayed` ends it. */
export async function servePlayed(): Promise<Played> {
  serving ??= serveFakePage()
  const { url } = await serving
  return { url: url.replace(/\/$/, ''), close: async () => {} }
}

export async function closePlayed(): Promise<void> {
  await (await serving)?.close()
}

async function open(page: Page, { url }: Played, screen: 'contribute'): Promise<void> {
  await page.addInitScript(
    (given) => {
      window.fakeSetup = ({ engine, catalogue }: Fake) => {
        engine.knows([given.model])
        catalogue.mirror = { ok: true, value: given.mirror as never }
      }
    },
    { model, mirror },
  )
  await page.goto(`${url}/#/${screen}`)
  await page.getByRole('heading', { level: 2 }).waitFor()
}

async function agree(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Contribute this GPU' }).click()
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Agree and / })
    .click()
  await page.evaluate(() => window.fake.mesh.joined())
}

/** What other tabs, the GPU and the links say. */
async function serve(page: Page): Promise<void> {
  await agree(page)
  await page.evaluate(() => window.fake.mesh.started())
  await page.evaluate(async (id) => {
    const { mesh } = window.fake
    mesh.signal('here')
    mesh.serve(0, 11, id, 1.42)
    mesh.hiddenSlowdown = 1.6
    mesh.links = ['mara', 'ilse', 'ruth'].map((name, index) => ({
      peer: `key/${name.padEnd(22, '0')}`,
      relayed: index === 2,
      roundTripMs: 9 + 20 * index,
    }))
    await mesh.tick()
    mesh.positions = 84
    mesh.serving = 2
    mesh.links = mesh.links.map((link) => ({ ...link, sentBytes: 107_000, receivedBytes: 4_000 }))
    await mesh.tick()
  }, model.id)
  await page.getByRole('region', { name: 'Contributing' }).waitFor()
}

export const PLAYED_SCREENS = [
  {
    name: 'contribute',
    says: 'Before anything is given: what would be used, and the limits. Played: the model and the GPU.',
    serve: servePlayed,
    reach: (page: Page, server: Played) => open(page, server, 'contribute'),
  },
  {
    name: 'contributing',
    says: 'Layers of a model at work for others. Played: the GPU, the links and who asks.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, 'contribute')
      await serve(page)
    },
  },
] as const
