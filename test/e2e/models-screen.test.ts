/**
 * The Models screen: every state a person can meet with a fake engine and a fake store behind the page that ships, by
 * mouse and by keyboard, judged by axe; and one way through it over the real server, storage and engine.
 */
import AxeBuilder from '@axe-core/playwright'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { HubOffer } from '../../web/weights/worker-api.ts'
import type { Code } from '../../web/wire/codes.ts'
import type { ModelSummary } from '../../web/wire/model.ts'
import { useBrowser, useModels } from '../support/app-hooks.ts'
import { launchChromium } from '../support/chromium.ts'
import { fakeModel } from '../support/fake-engine.ts'
import type { Fake } from '../support/fake-page.ts'
import { type FakePageServer, serveFakePage } from '../support/fake-page-server.ts'

const DIGEST = '3fa9c21b'.repeat(8)
const small = fakeModel(1, { name: 'Small-Instruct', license: 'Apache-2.0', fileSha256: DIGEST })
const large = fakeModel(2, { name: 'Large-Instruct', fileBytes: 42e9 })
const odd = fakeModel(3, { name: 'Odd-Instruct' })
const models = [small, large, odd]
const mirror = { models, adding: [], failed: [], defaultId: small.id }
const DESK = { viewport: { width: 1024, height: 720 } }
const PHONE = { viewport: { width: 320, height: 568 } }

/** As the hub announces it, before a byte of it is here. */
function offer(name: string, fileBytes: number, digit: string): HubOffer {
  const [fileSha256, license, repo] = [digit.repeat(64), 'MIT', 'weavers/noise-GGUF']
  const url = `https://hub.test/${repo}/resolve/c0/${name}.gguf`
  const about = { format: 'weft-hub-gguf/1', repo, commit: 'c0'.repeat(20), url, license } as const
  const model = { ...fakeModel(0, { name, license, fileBytes, fileSha256 }), id: fileSha256 }
  return { model, file: { ...about, path: `${name}.gguf`, fileBytes, fileSha256 } }
}

describe('with a fake engine', () => {
  let server: FakePageServer
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    server = await serveFakePage()
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })
  afterEach(async () => {
    await context?.close()
    expect(complaints).toEqual([])
  })

  interface Scene {
    readonly look?: BrowserContextOptions
    readonly mirror?: object
    readonly facts?: object
    readonly kept?: readonly object[]
    readonly models?: readonly ModelSummary[]
    readonly hub?: readonly (readonly [name: string, offers: object])[]
  }

  async function open({ look = DESK, ...scene }: Scene = {}): Promise<void> {
    complaints = []
    context = await browser.newContext(look)
    page = await context.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    const setup = { mirror: { ok: true, value: mirror }, facts: null, kept: [], hub: [], models, ...scene }
    await page.addInitScript((given) => {
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
    await page.goto(`${server.url}#/models`)
    await page.getByRole('heading', { name: 'Models', level: 2 }).waitFor()
  }

  const group = (name: string) => page.getByRole('region', { name, exact: true })
  const row = (name: string) => page.getByRole('listitem', { name })
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  const bar = () => page.getByRole('progressbar', { name: 'Download of Small-Instruct' })
  const arrived = (bytes: number) =>
    page.evaluate(([model, done]) => window.fake.store.progress(model, done), [small, bytes] as const)
  const ended = (code: Code, detail = '') =>
    page.evaluate(([model, failure]) => window.fake.store.finish(model, failure), [
      small,
      { ok: false, code, detail },
    ] as const)
  const untilDownloading = () => page.waitForFunction(() => window.fake.store.downloading)
  const spoken = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor({ state: 'attached' })

  async function expectAccessible(): Promise<void> {
    const { violations } = await new AxeBuilder({ page }).analyze()
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    expect(grave.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([])
  }

  async function expectNoSideways(): Promise<void> {
    const over = await page.evaluate(() => {
      const main = document.querySelector('main')
      return [
        document.documentElement.scrollWidth - window.innerWidth,
        (main?.scrollWidth ?? 0) - (main?.clientWidth ?? 0),
      ]
    })
    expect(Math.max(...over)).toBeLessThanOrEqual(0)
  }

  async function begin(): Promise<void> {
    await button('Download Small-Instruct').click()
    await untilDownloading()
    await arrived(23_500_000)
    await page.getByText('23.5 of 94.0 MB').waitFor()
  }

  describe('a first visit', () => {
    it('says what there is, how large, under which license, and whether it runs here and why not', async () => {
      await open()
      await group('In this browser').getByText('Nothing is kept here yet.').waitFor()
      const mine = group('At this server').getByRole('listitem', { name: 'Small-Instruct' })
      for (const fact of ['94 MB', 'Apache-2.0', 'This server', 'Suggested by this server'])
        expect(await mine.getByText(fact, { exact: true }).count(), fact).toBe(1)
      await mine.getByText('Fits your GPU: needs 282 MB of 2.1 GB').waitFor()
      await row('Large-Instruct').getByText('It needs 44 GB of GPU memory; your browser allows 2.0 GB.').waitFor()
      await row('Odd-Instruct').getByText('architecture-unsupported').waitFor()
      expect(
        await row('Large-Instruct')
          .getByRole('button', { name: /^(Use|Download)/ })
          .count(),
      ).toBe(0)
      await group('Storage').getByText('Models 0 bytes').waitFor()
      expect(
        await group('Storage')
          .getByText(/GB free$/)
          .count(),
      ).toBe(1)
      await expectAccessible()
    })

    it('shows the whole digest on demand and copies it', async () => {
      await open()
      await context.grantPermissions(['clipboard-read', 'clipboard-write'])
      const details = button('Details of Small-Instruct')
      expect(await details.getAttribute('aria-expanded')).toBe('false')
      await details.click()
      await row('Small-Instruct').getByText(DIGEST).waitFor()
      await button('Copy the digest of Small-Instruct').click()
      await button('Copied').waitFor()
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(DIGEST)
      await row('Small-Instruct').getByText('Stage engine: runs it').waitFor()
      await expectAccessible()
    })

    it('can be walked through by keyboard alone, also on the smallest phone in the dark', async () => {
      await open({ look: { ...PHONE, colorScheme: 'dark', reducedMotion: 'reduce' } })
      await button('Download Small-Instruct').focus()
      await page.keyboard.press('Enter')
      await untilDownloading()
      // The model has moved to another group; the keyboard went with it.
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
        .toBe('Pause Small-Instruct')
      await page.keyboard.press('Enter')
      await button('Resume Small-Instruct').waitFor()
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
        .toBe('Resume Small-Instruct')
      await expectNoSideways()
      await expectAccessible()
    })
  })

  describe('a download', () => {
    it('shows bytes, pauses, goes on, and ends in this browser', async () => {
      await open()
      await begin()
      expect(await bar().getAttribute('aria-valuenow')).toBe('25')
      await expectAccessible()
      await button('Pause Small-Instruct').click()
      await bar().getByText('Paused. What came is kept').waitFor()
      await spoken('Small-Instruct: Paused')
      await expectAccessible()
      await button('Resume Small-Instruct').click()
      await untilDownloading()
      await arrived(94_000_000)
      await page.evaluate((model) => window.fake.store.finish(model), small)
      await group('In this browser').getByRole('listitem', { name: 'Small-Instruct' }).waitFor()
      await spoken('Small-Instruct is in this browser.')
      expect(await group('On the way').count()).toBe(0)
      await group('Storage').getByText('Models 94 MB').waitFor()
    })

    it('says its speed and the time left', async () => {
      await open()
      await begin()
      await page.evaluate((model) => {
        for (const seconds of [1, 2, 3]) {
          window.fake.store.nowMs = seconds * 1_000
          window.fake.store.progress(model, 23_500_000 + seconds * 2_000_000)
        }
      }, small)
      await bar().getByText('2.0 MB/s').waitFor()
      await bar().getByText('33 s left').waitFor()
    })

    it('waits for the network by itself and says so', async () => {
      await open()
      await begin()
      await context.setOffline(true)
      await ended('source-unreachable')
      await bar().getByText('Waiting for the network. It goes on by itself').waitFor()
      await page.getByText('You are offline. Models in this browser still answer').waitFor()
      await expectAccessible()
      await context.setOffline(false)
      await untilDownloading()
      await bar().getByText('Downloading').waitFor()
    })

    it('that failed says why, what is kept and what to do, with the code at the end', async () => {
      await open({ look: PHONE })
      await begin()
      await ended('storage-full', 'It has 94 MB, there is room for 24 MB.')
      const mine = row('Small-Instruct')
      await mine.getByText('The browser has no room to keep this model.').waitFor()
      for (const text of ['It has 94 MB, there is room for 24 MB.', 'What came before is kept.'])
        expect(await mine.getByText(text).count(), text).toBe(1)
      expect(await mine.getByText('storage-full', { exact: true }).count()).toBe(1)
      await expectNoSideways()
      await expectAccessible()
      await button('Try again: Small-Instruct').click()
      await untilDownloading()
    })

    it('is thrown away only after a person has said yes', async () => {
      await open()
      await begin()
      await button('Cancel the download of Small-Instruct').click()
      const dialog = page.getByRole('dialog', { name: 'Cancel the download of Small-Instruct?' })
      await dialog.getByText('24 MB of 94 MB are here and would be thrown away.').waitFor()
      await expectAccessible()
      await page.keyboard.press('Escape')
      await dialog.waitFor({ state: 'detached' })
      expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
        'Cancel the download of Small-Instruct',
      )
      await button('Cancel the download of Small-Instruct').click()
      await dialog.getByRole('button', { name: 'Throw it away' }).click()
      await group('At this server').getByRole('listitem', { name: 'Small-Instruct' }).waitFor()
      expect(await page.evaluate(() => window.fake.store.downloading)).toBe(false)
    })

    it('waits for the one before it', async () => {
      const second = fakeModel(4, { name: 'Second-Instruct' })
      const listed = { ...mirror, models: [small, large, odd, second] }
      await open({ mirror: { ok: true, value: listed }, models: listed.models })
      await begin()
      await page.getByRole('button', { name: 'Download Second-Instruct' }).click()
      await row('Second-Instruct').getByText('Waits for the download before it').waitFor()
      expect(await group('On the way').getByRole('listitem').count()).toBe(2)
    })
  })

  describe('a model that is kept', () => {
    it('is removed after a question that says what is lost and what it costs to get it back', async () => {
      await open({ kept: [small] })
      await page.evaluate(() => window.fake.engine.until(() => window.fake.engine.loading))
      await page.evaluate(() => window.fake.engine.finishLoad())
      await row('Small-Instruct').getByText('on your GPU', { exact: true }).waitFor()
      await button('Remove Small-Instruct').click()
      const dialog = page.getByRole('dialog', { name: 'Remove Small-Instruct?' })
      await dialog.getByText('This frees 94 MB. Your conversations stay.').waitFor()
      await dialog.getByText('It is loaded now and is let go of first.').waitFor()
      await dialog.getByText('To use it again, 94 MB are downloaded again from this server.').waitFor()
      await expectAccessible()
      await dialog.getByRole('button', { name: 'Keep it' }).click()
      await button('Remove Small-Instruct').click()
      await dialog.getByRole('button', { name: 'Remove', exact: true }).click()
      await group('At this server').getByRole('listitem', { name: 'Small-Instruct' }).waitFor()
      await spoken('Small-Instruct was removed.')
      expect(await page.evaluate(() => window.fake.engine.loaded)).toBe(null)
    })

    it('is used in the chat, where it loads', async () => {
      await open({ mirror: { ok: true, value: { ...mirror, defaultId: odd.id } }, kept: [small] })
      await button('Use Small-Instruct in chat').click()
      await page.getByRole('textbox', { name: 'Message' }).waitFor()
      await page.evaluate(() => window.fake.engine.until(() => window.fake.engine.loading))
      expect(await page.evaluate(() => window.fake.engine.loads)).toEqual([small.id])
      await page.goBack()
      await page.getByRole('progressbar', { name: 'Loading Small-Instruct' }).waitFor()
      await button('Cancel loading Small-Instruct').click()
      await button('Use Small-Instruct in chat').waitFor()
    })

    it('stays usable where the server does not answer, and the screen says so', async () => {
      await open({ mirror: { ok: false, code: 'source-unreachable', detail: '' }, kept: [small] })
      await group('At this server').getByText('The server gave no list of models.').waitFor()
      await group('In this browser').getByRole('listitem', { name: 'Small-Instruct' }).waitFor()
      await expectAccessible()
      await page.evaluate((value) => {
        window.fake.catalogue.mirror = { ok: true, value }
      }, mirror)
      await group('At this server').getByRole('button', { name: 'Look again' }).click()
      await row('Large-Instruct').waitFor()
    })
  })

  describe('the room', () => {
    it('is asked for in words, and the answer of the browser is shown', async () => {
      await open()
      await group('Storage').getByText('a browser may clear all that a site has kept').waitFor()
      await button('Ask the browser to keep it').click()
      await group('Storage').getByText('The browser made no promise').waitFor()
      await page.evaluate(() => {
        window.fake.store.persistence = true
      })
      await button('Ask the browser to keep it').click()
      await group('Storage').getByText('The browser promised').waitFor()
      expect(await button('Ask the browser to keep it').count()).toBe(0)
    })
  })

  describe('adding a model', () => {
    const one = offer('noise-q4', 808e6, 'a')
    const two = offer('noise-q8', 1.3e9, 'b')
    const hub = [
      ['weavers/noise-GGUF', { ok: true, value: [one, two] }],
      ['weavers/noise-GGUF/noise-q8.gguf', { ok: true, value: [two] }],
      ['weavers/gated', { ok: false, code: 'source-gated', detail: 'weavers/gated asks for its terms.' }],
    ] as const

    async function lookUp(name: string): Promise<void> {
      await page.getByRole('textbox', { name: 'Name at Hugging Face' }).fill(name)
      await page.keyboard.press('Enter')
    }

    it('by its name asks which of several files, and shows size, license and digest before a byte comes', async () => {
      await open({ look: PHONE, hub })
      await lookUp('weavers/noise-GGUF')
      await page.getByText('weavers/noise-GGUF has 2 models, MIT:').waitFor()
      await page.getByText('SHA-256 aaaaaaaa').waitFor()
      await expectNoSideways()
      await expectAccessible()
      await button('Choose noise-q8').click()
      await page.getByText('On the list below, nothing downloaded yet: noise-q8, 1.3 GB, MIT.').waitFor()
      const mine = group('From elsewhere').getByRole('listitem', { name: 'noise-q8' })
      for (const fact of ['1.3 GB', 'MIT', 'hub.test/weavers/noise-GGUF'])
        expect(await mine.getByText(fact, { exact: true }).count(), fact).toBe(1)
      await button('Details of noise-q8').click()
      await mine.getByText('b'.repeat(64), { exact: true }).waitFor()
      expect(await page.evaluate(() => window.fake.store.downloading)).toBe(false)
      await expectNoSideways()
      await button('Download noise-q8').click()
      await untilDownloading()
    })

    it('says what is wrong with a name', async () => {
      await open({ hub })
      await lookUp('weavers/gated')
      await page.getByText('weavers/gated asks for its terms.').waitFor()
      expect(await page.getByText('source-gated', { exact: true }).count()).toBe(1)
      await expectAccessible()
      await lookUp('weavers/none')
      await page.getByText('The hub shows no weavers/none.').waitFor()
    })

    it('opens a file from disk, and one that is dropped anywhere', async () => {
      await open()
      const chooser = page.waitForEvent('filechooser')
      await button('Open a GGUF file').click()
      await (await chooser).setFiles({ name: 'mine.gguf', mimeType: '', buffer: Buffer.from('GGUF') })
      const mine = group('From elsewhere').getByRole('listitem', { name: 'mine.gguf' })
      await mine.getByText('A file on this device').waitFor()
      // On this screen a file is put on the list; it is loaded when somebody wants it.
      expect(await page.evaluate(() => window.fake.engine.loading)).toBe(false)
      await page.evaluate(() => {
        const transfer = new DataTransfer()
        transfer.items.add(new File(['GGUF'], 'dropped.gguf'))
        const fire = (type: string) =>
          document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }))
        fire('dragenter')
        fire('drop')
      })
      await group('From elsewhere').getByRole('listitem', { name: 'dropped.gguf' }).waitFor()
      await page.evaluate(() => {
        const failure = { ok: false, code: 'gguf-not-gguf', detail: 'It begins with "Dear".' } as const
        window.fake.engine.inspections.set('file', failure)
      })
      const again = page.waitForEvent('filechooser')
      await button('Open a GGUF file').click()
      await (await again).setFiles({ name: 'letter.gguf', mimeType: '', buffer: Buffer.from('Dear') })
      await page.getByText('It begins with "Dear".').waitFor()
      await expectAccessible()
    })
  })

  describe('the GPU', () => {
    it('is tested, and the speed of each model follows, with the reason where one does not run', async () => {
      await open()
      await group('This GPU').getByText('Test GPU', { exact: true }).waitFor()
      await button('Test this GPU').click()
      await group('This GPU').getByText('188 GB/s').waitFor()
      const speeds = page.getByRole('table', { name: 'What to expect of each model here' })
      await speeds.getByText('About 1,200 tokens/s, estimated by the GPU test').waitFor()
      await speeds.getByText('your browser allows 2.0 GB').waitFor()
      await spoken('The GPU was measured.')
      await expectAccessible()
    })

    it('that is missing is explained, and models say so too', async () => {
      await open({
        look: { ...PHONE, colorScheme: 'dark', contrast: 'more' },
        facts: { ok: false, code: 'no-webgpu', detail: '' },
      })
      await group('This GPU').getByText('This browser has no WebGPU.').waitFor()
      expect(await group('This GPU').getByText('no-webgpu', { exact: true }).count()).toBe(1)
      expect(await button('Test this GPU').count()).toBe(0)
      await row('Small-Instruct').getByText('It needs a GPU, and none can be used here.').waitFor()
      await expectNoSideways()
      await expectAccessible()
    })
  })

  describe('a server', () => {
    it('without a model says how it gets one', async () => {
      await open({ mirror: { ok: true, value: { models: [], adding: [], failed: [], defaultId: null } } })
      await group('At this server').getByText('npm run models -- add <source>').waitFor()
      await expectAccessible()
    })

    it('that is downloading one shows how far it is, and why another one failed', async () => {
      const adding = { name: 'New', source: 'hf:a/b', doneBytes: 47e6, totalBytes: 94e6, bytesPerSecond: 8e6 }
      const failed = { source: 'hf:c/d', code: 'a-code-of-tomorrow', detail: 'Something new.' }
      await open({ mirror: { ok: true, value: { ...mirror, adding: [adding], failed: [failed] } } })
      await page.getByRole('progressbar', { name: 'The server is downloading New' }).waitFor()
      await group('At this server').getByText('a-code-of-tomorrow').waitFor()
      await expectAccessible()
    })
  })

  it('finds one model among many', async () => {
    const many = Array.from({ length: 12 }, (_, index) => fakeModel(index + 10, { name: `Model ${index}x` }))
    await open({ mirror: { ok: true, value: { ...mirror, models: many } } })
    await page.getByRole('searchbox', { name: 'Find a model' }).fill('11x')
    await row('Model 11x').waitFor()
    expect(await page.getByRole('main').getByRole('listitem').count()).toBe(1)
    await page.getByRole('searchbox', { name: 'Find a model' }).fill('nothing like it')
    await page.getByText('No model here matches').waitFor()
    await expectAccessible()
  })

  it('is not the only one that takes a dropped file: from the settings it leads to the chat', async () => {
    await open()
    await page.goto(`${server.url}#/settings`)
    await page.getByRole('heading', { name: 'Settings', level: 2 }).waitFor()
    await page.evaluate(() => {
      const transfer = new DataTransfer()
      transfer.items.add(new File(['GGUF'], 'dropped.gguf'))
      const drop = { bubbles: true, cancelable: true, dataTransfer: transfer }
      document.body.dispatchEvent(new DragEvent('drop', drop))
    })
    await page.getByRole('textbox', { name: 'Message' }).waitFor()
    await page.evaluate(() => window.fake.engine.until(() => window.fake.engine.loading))
    expect(await page.evaluate(() => window.fake.engine.loads)).toEqual(['dropped.gguf'])
  })

  it('is reached from the list of conversations, and leads back', async () => {
    await open()
    await page.goto(server.url)
    await page.getByRole('textbox', { name: 'Message' }).waitFor()
    if ((await page.getByRole('link', { name: 'Models' }).count()) === 0) await button('Conversations').click()
    await page.getByRole('link', { name: 'Models' }).click()
    await page.getByRole('heading', { name: 'Models', level: 2 }).waitFor()
    expect(await page.title()).toBe('Models · Weft')
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('MAIN')
    await page.goBack()
    await page.getByRole('textbox', { name: 'Message' }).waitFor()
  })
})

describe('over the real server, storage and engine', () => {
  const server = useModels('llama')
  const browser = useBrowser({ console: true })

  it('a model is downloaded, tested, used, kept over a reload and removed', async () => {
    const page = await browser.open(`${server.url}/?engine=stage#/models`)
    const group = (name: string) => page.getByRole('region', { name, exact: true })
    const kept = group('In this browser').getByRole('listitem')
    await group('At this server')
      .getByRole('button', { name: /^Download / })
      .click()
    await kept.waitFor()
    await kept.getByText(/^Fits your GPU: needs \d/).waitFor()
    await group('Storage')
      .getByText(/^Models [1-9]/)
      .waitFor()
    await group('Storage')
      .getByText(/ free$/)
      .waitFor()

    await page.getByRole('button', { name: 'Test this GPU' }).click()
    await group('This GPU').getByText(/B\/s$/).waitFor()
    await kept.getByText(/^About .* tokens\/s, estimated by the GPU test$/).waitFor()

    await kept.getByRole('button', { name: /^Details of / }).click()
    const digest = (await kept.locator('dl code').textContent()) ?? ''
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    await kept.getByRole('button', { name: 'Check every byte' }).click()
    await page.getByRole('status').filter({ hasText: 'is in this browser.' }).waitFor({ state: 'attached' })

    await kept.getByRole('button', { name: /^Use / }).click()
    await page.getByRole('textbox', { name: 'Message' }).fill('hello')
    await page.getByRole('button', { name: 'Send' }).click()
    await page
      .getByRole('log', { name: 'Conversation' })
      .getByText(/Stage engine/)
      .waitFor()

    // In the middle of the answer, which a tiny model does not end by itself.
    await page.goto(`${server.url}/?engine=stage#/models`)
    await page.reload()
    // What is kept loads by itself; only then it can be let go of.
    await kept.getByRole('button', { name: /^Go to the chat / }).waitFor()
    await kept.getByRole('button', { name: /^Remove / }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
    await group('At this server')
      .getByRole('button', { name: /^Download / })
      .waitFor()
    await group('Storage').getByText('Models 0 bytes').waitFor()
  })
})
