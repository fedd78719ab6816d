/**
 * The Models screen as a whole: every state of its lists, panels and ways in and out with a fake engine and a fake
 * store behind the page that ships, by mouse and by keyboard, judged by axe. What comes and goes is in
 * `models-screen-downloads.test.ts`, the real server in `models-screen-real.test.ts`.
 */
import type { BrowserContext, Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { fakeModel } from '../support/fake-engine.ts'
import { DIGEST, mirror, useModelsScreen } from '../support/models-screen-rig.ts'
import { PHONE } from '../support/played-page.ts'

describe('with a fake engine', () => {
  const used = useModelsScreen()
  const { button, expectAccessible, expectNoSideways, group, open, row, spoken, untilDownloading } = used
  let context: BrowserContext
  let page: Page
  beforeEach(() => {
    ;({ context, page } = used.play)
  })

  describe('a first visit', () => {
    it('says what there is, how large, under which license, and whether it runs here and why not', async () => {
      await open()
      await group('In this browser').getByText('Nothing is kept here yet.').waitFor()
      const mine = group('At this server').getByRole('listitem', { name: 'Small-Instruct' })
      for (const fact of ['94 MB', 'Apache-2.0', 'This server', 'Suggested by this server'])
        await expect.poll(() => mine.getByText(fact, { exact: true }).count(), { message: fact }).toBe(1)
      await mine.getByText('Fits your GPU: needs 282 MB of 2.1 GB').waitFor()
      await row('Large-Instruct').getByText('It needs 44 GB of GPU memory; your browser allows 2.0 GB.').waitFor()
      await row('Odd-Instruct').getByText('architecture-unsupported').waitFor()
      await expect
        .poll(() =>
          row('Large-Instruct')
            .getByRole('button', { name: /^(Use|Download)/ })
            .count(),
        )
        .toBe(0)
      await group('Storage').getByText('Models 0 bytes').waitFor()
      await expect
        .poll(() =>
          group('Storage')
            .getByText(/GB free$/)
            .count(),
        )
        .toBe(1)
      await expectAccessible()
    })

    it('shows the whole digest on demand and copies it', async () => {
      await open()
      await context.grantPermissions(['clipboard-read', 'clipboard-write'])
      const details = button('Details of Small-Instruct')
      await expect.poll(() => details.getAttribute('aria-expanded')).toBe('false')
      await details.click()
      await row('Small-Instruct').getByText(DIGEST).waitFor()
      await button('Copy the digest of Small-Instruct').click()
      await button('Copied').waitFor()
      await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(DIGEST)
      await row('Small-Instruct').getByText('Stage engine: runs it').waitFor()
      await expectAccessible()
    })

    it('can be walked through by keyboard alone, also on the smallest phone in the dark', async () => {
      await open({ viewport: PHONE, media: { colorScheme: 'dark', reducedMotion: 'reduce' } })
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
      await expect.poll(() => button('Ask the browser to keep it').count()).toBe(0)
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
        viewport: PHONE,
        media: { colorScheme: 'dark', contrast: 'more' },
        facts: { ok: false, code: 'no-webgpu', detail: '' },
      })
      await group('This GPU').getByText('This browser has no WebGPU.').waitFor()
      await expect.poll(() => group('This GPU').getByText('no-webgpu', { exact: true }).count()).toBe(1)
      await expect.poll(() => button('Test this GPU').count()).toBe(0)
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
    await expect.poll(() => page.getByRole('main').getByRole('listitem').count()).toBe(1)
    await page.getByRole('searchbox', { name: 'Find a model' }).fill('nothing like it')
    await page.getByText('No model here matches').waitFor()
    await expectAccessible()
  })

  it('is not the only one that takes a dropped file: from the settings it leads to the chat', async () => {
    await open()
    await page.goto(`${used.play.url}#/settings`)
    await page.getByRole('heading', { name: 'Settings', level: 2 }).waitFor()
    await page.evaluate(() => {
      const transfer = new DataTransfer()
      transfer.items.add(new File(['GGUF'], 'dropped.gguf'))
      const drop = { bubbles: true, cancelable: true, dataTransfer: transfer }
      document.body.dispatchEvent(new DragEvent('drop', drop))
    })
    await page.getByRole('textbox', { name: 'Message' }).waitFor()
    await page.evaluate(() => window.fake.engine.until(() => window.fake.engine.loading))
    await expect.poll(() => page.evaluate(() => window.fake.engine.loads)).toEqual(['dropped.gguf'])
  })

  it('is reached from the list of conversations, and leads back', async () => {
    await open()
    await page.goto(used.play.url)
    await page.getByRole('textbox', { name: 'Message' }).waitFor()
    if ((await page.getByRole('link', { name: 'Models' }).count()) === 0) await button('Conversations').click()
    await page.getByRole('link', { name: 'Models' }).click()
    await page.getByRole('heading', { name: 'Models', level: 2 }).waitFor()
    await expect.poll(() => page.title()).toBe('Models · Weft')
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('MAIN')
    await page.goBack()
    await page.getByRole('textbox', { name: 'Message' }).waitFor()
  })
})
