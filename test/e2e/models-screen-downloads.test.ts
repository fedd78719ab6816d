/**
 * What comes and goes on the Models screen: downloads, models that are kept, used and removed, models that are added
 * from a hub or a file. A fake engine and a fake store behind the page that ships, by mouse and by keyboard, judged by
 * axe.
 */
import type { BrowserContext, Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import type { HubOffer } from '../../web/weights/worker-api.ts'
import type { Code } from '../../web/wire/codes.ts'
import { fakeModel } from '../support/fake-engine.ts'
import { large, mirror, odd, small, useModelsScreen } from '../support/models-screen-rig.ts'
import { PHONE } from '../support/played-page.ts'

/** As the hub announces it, before a byte of it is here. */
function offer(name: string, fileBytes: number, digit: string): HubOffer {
  const [fileSha256, license, repo] = [digit.repeat(64), 'MIT', 'weavers/noise-GGUF']
  const url = `https://hub.test/${repo}/resolve/c0/${name}.gguf`
  const about = { format: 'weft-hub-gguf/1', repo, commit: 'c0'.repeat(20), url, license } as const
  const model = { ...fakeModel(0, { name, license, fileBytes, fileSha256 }), id: fileSha256 }
  return { model, file: { ...about, path: `${name}.gguf`, fileBytes, fileSha256 } }
}

describe('with a fake engine', () => {
  const used = useModelsScreen()
  const { button, expectAccessible, expectNoSideways, group, open, row, spoken, untilDownloading } = used
  let context: BrowserContext
  let page: Page
  beforeEach(() => {
    ;({ context, page } = used.play)
  })

  const bar = () => page.getByRole('progressbar', { name: 'Download of Small-Instruct' })
  const arrived = (bytes: number) =>
    page.evaluate(([model, done]) => window.fake.store.progress(model, done), [small, bytes] as const)
  const ended = (code: Code, detail = '') =>
    page.evaluate(([model, failure]) => window.fake.store.finish(model, failure), [
      small,
      { ok: false, code, detail },
    ] as const)

  async function begin(): Promise<void> {
    await button('Download Small-Instruct').click()
    await untilDownloading()
    await arrived(23_500_000)
    await page.getByText('23.5 of 94.0 MB').waitFor()
  }

  describe('a download', () => {
    it('shows bytes, pauses, goes on, and ends in this browser', async () => {
      await open()
      await begin()
      await expect.poll(() => bar().getAttribute('aria-valuenow')).toBe('25')
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
      await expect.poll(() => group('On the way').count()).toBe(0)
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
      await open({ viewport: PHONE })
      await begin()
      await ended('storage-full', 'It has 94 MB, there is room for 24 MB.')
      const mine = row('Small-Instruct')
      await mine.getByText('The browser has no room to keep this model.').waitFor()
      for (const text of ['It has 94 MB, there is room for 24 MB.', 'What came before is kept.'])
        await expect.poll(() => mine.getByText(text).count(), { message: text }).toBe(1)
      await expect.poll(() => mine.getByText('storage-full', { exact: true }).count()).toBe(1)
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
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
        .toBe('Cancel the download of Small-Instruct')
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
      await expect.poll(() => group('On the way').getByRole('listitem').count()).toBe(2)
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
      await expect.poll(() => page.evaluate(() => window.fake.engine.loads)).toEqual([small.id])
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
      await open({ viewport: PHONE, hub })
      await lookUp('weavers/noise-GGUF')
      await page.getByText('weavers/noise-GGUF has 2 models, MIT:').waitFor()
      await page.getByText('SHA-256 aaaaaaaa').waitFor()
      await expectNoSideways()
      await expectAccessible()
      await button('Choose noise-q8').click()
      await page.getByText('On the list below, nothing downloaded yet: noise-q8, 1.3 GB, MIT.').waitFor()
      const mine = group('From elsewhere').getByRole('listitem', { name: 'noise-q8' })
      for (const fact of ['1.3 GB', 'MIT', 'hub.test/weavers/noise-GGUF'])
        await expect.poll(() => mine.getByText(fact, { exact: true }).count(), { message: fact }).toBe(1)
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
      await expect.poll(() => page.getByText('source-gated', { exact: true }).count()).toBe(1)
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
})
