/**
 * Who may answer a conversation, on the page that ships with a played engine and mesh: the choice and what it says, the two
 * questions before anything leaves, what stands under an answer of others, and the mark of a tab that gives. Judged by axe.
 */
import type { Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { large, type PlayedPage, small, usePlayedPage } from '../support/played-page.ts'
import { expectSound } from '../support/sound.ts'

const REQUEST = 'ab'.repeat(16)

const used = usePlayedPage()
let play: PlayedPage
let page: Page
beforeEach(async () => {
  play = used.current
  page = play.page
  await play.open()
  await page.getByText('94 MB to download').waitFor()
})

const scope = () => page.getByRole('combobox', { name: 'Who may answer' })
const engine = () => page.getByRole('combobox', { name: 'Engine' })
const joins = () => page.evaluate(() => window.fake.mesh.joins)
const asked = () => page.evaluate(() => window.fake.mesh.requests.length)

async function letAnyone(): Promise<void> {
  await scope().selectOption('Anyone')
  await play.button('Agree and connect').click()
  await page.evaluate(() => window.fake.mesh.joined())
  await expect.poll(() => scope().inputValue()).toBe('anyone')
}

/** What the server tells: two tabs hold a half each. */
async function census(): Promise<void> {
  await page.evaluate(
    (ids) => {
      const ranges = [
        { span: { first: 0, last: 15 }, holders: 1, msPerLayer: 1 },
        { span: { first: 15, last: 30 }, holders: 1, msPerLayer: 1 },
      ]
      window.fake.mesh.signal('here')
      window.fake.mesh.census({ peers: 3, models: ids.map((modelId) => ({ modelId, ranges, whole: null })) })
    },
    [small.id, large.id],
  )
}

/** Others answer over two stages, the second of which is lost on the way; the end is held back until `ended`. */
async function othersAnswer(): Promise<void> {
  await page.evaluate((request) => {
    const { mesh } = window.fake
    const peer = (name: string) => `key/${name.padEnd(22, '0')}`
    const stage = (first: number, last: number, name: string) => ({
      span: { first, last },
      peer: peer(name),
      ticket: '',
      standby: null,
    })
    mesh.chat = async function* () {
      mesh.links = [
        { peer: peer('mara'), relayed: false, roundTripMs: 3 },
        { peer: peer('ruth'), relayed: true, roundTripMs: 40 },
      ]
      mesh.planned(request, [stage(0, 15, 'mara'), stage(15, 30, 'ilse')])
      yield { kind: 'text', text: 'The thread ', tokens: [1, 2] } as never
      const about = { span: { first: 15, last: 30 } }
      mesh.route(request, {
        kind: 'lost',
        peer: peer('ilse'),
        reason: { ok: false, code: 'link-closed', detail: '' },
        ...about,
      })
      mesh.route(request, { kind: 'replaced', peer: peer('ruth'), fed: true, ...about })
      yield { kind: 'text', text: 'holds.', tokens: [3] } as never
      await new Promise((resolve) => window.addEventListener('ended', resolve, { once: true }))
      const usage = {
        promptTokens: 9,
        reusedTokens: 0,
        prefillTokens: 9,
        completionTokens: 3,
        firstTokenMs: 310,
        tokensPerSecond: 12,
      }
      yield { kind: 'end', reason: 'stop', usage } as never
    }
  }, REQUEST)
}

describe('the scope of a conversation', () => {
  it('is this device only, and a room is refused until one is joined', async () => {
    await expect.poll(() => scope().inputValue()).toBe('device')
    await expect.poll(() => engine().getByRole('option', { name: 'Layers of other tabs' }).count()).toBe(0)
    await scope().selectOption('My room')
    await page.getByText('This tab is in no room.').waitFor()
    await page.getByText('room-missing', { exact: true }).waitFor()
    await expect.poll(() => scope().inputValue()).toBe('device')
    await expectSound(page)
    expect(await joins()).toBe(0)
  })

  it('leaves the device only after a yes to what peers see; a no changes nothing', async () => {
    await scope().selectOption('Anyone')
    await page.getByRole('dialog', { name: 'Other tabs will see your network address' }).waitFor()
    await expectSound(page)
    await play.button('Not now').click()
    await expect.poll(() => scope().inputValue()).toBe('device')
    expect(await joins()).toBe(0)
    await letAnyone()
    await page.getByText('Strangers whose tabs answer can read this conversation').waitFor()
    await expect.poll(() => joins()).toBe(1)
    await play.button('New chat').click()
    await expect.poll(() => scope().inputValue()).toBe('device')
    await page.waitForFunction(() => !window.fake.mesh.looking)
  })

  it('wide enough, makes a model of use that does not fit here, and says by whom and why', async () => {
    await play.model.selectOption({ value: large.id })
    await page.getByText(/^Does not fit your GPU/).waitFor()
    await play.message.fill('What holds?')
    await expect.poll(() => play.send.isDisabled()).toBe(true)
    await letAnyone()
    await census()
    await page.getByText('42 GB on other tabs').waitFor()
    await page.getByText('A language model on the GPUs of other tabs').waitFor()
    await expectSound(page)
    await othersAnswer()
    await play.send.click()
    await page.getByText('A peer left; its layers moved.').waitFor()
    await play.conversation.getByText('The thread holds.').waitFor()
    await play.stop.waitFor()
    const asking = page.getByRole('banner').getByText('Asking', { exact: true })
    await asking.waitFor()
    await page.evaluate(() => window.dispatchEvent(new Event('ended')))
    await play.send.waitFor()
    await asking.waitFor({ state: 'detached' })
    for (const fact of [
      'Layers over 2 tabs',
      'as neither this device nor another tab has it whole',
      '12 tokens/s',
      'first token in 0.31 s',
    ])
      await play.conversation.getByText(fact, { exact: true }).waitFor()
    const stages = page.getByRole('list', { name: 'Stages, from first to last' }).getByRole('listitem')
    await expect
      .poll(() => stages.allTextContents())
      .toEqual(['layers 1 to 15 by mara, direct', 'layers 16 to 30 by ruth, relayed'])
    await expectSound(page)
  })

  it('warns of others that would be slower, and does what is chosen', async () => {
    await letAnyone()
    await census()
    await engine().selectOption('Layers of other tabs')
    await othersAnswer()
    await play.message.fill('What holds?')
    await play.send.click()
    const dialog = page.getByRole('dialog', { name: 'This device would be faster' })
    await dialog.waitFor()
    await expectSound(page)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    // Neither asked nor lost.
    expect([await asked(), await play.message.inputValue()]).toEqual([0, 'What holds?'])
    await play.send.click()
    await play.button('Use other tabs').click()
    await play.conversation.getByText('The thread holds.').waitFor()
    await page.evaluate(() => window.dispatchEvent(new Event('ended')))
    await play.send.waitFor()
    await expect.poll(() => asked()).toBe(1)
  })

  it('with a slower split put off, is answered here', async () => {
    await letAnyone()
    await census()
    await engine().selectOption('Layers of other tabs')
    await play.message.fill('What holds?')
    await play.send.click()
    await play.button('Answer here').click()
    await play.untilLoading()
    await play.finishLoad()
    await play.untilAnswering()
    await play.emit({
      kind: 'answerer',
      engine: 'stage',
      adapter: 'Test GPU',
      modelId: small.id,
      model: 'Small-Instruct',
    })
    await play.answer('I do.')
    await play.conversation.getByText('here, as this device is fast enough').waitFor()
    expect([await asked(), await engine().inputValue()]).toEqual([0, 'automatic'])
  })

  it('is the way out where this browser can run nothing', async () => {
    await play.open({ facts: { ok: false, code: 'no-webgpu', detail: '' } })
    await play.button('Let other tabs answer').click()
    await play.button('Agree and connect').click()
    await page.evaluate(() => window.fake.mesh.joined())
    await othersAnswer()
    await play.message.fill('What holds?')
    await play.send.click()
    await play.conversation.getByText('The thread holds.').waitFor()
    await page.evaluate(() => window.dispatchEvent(new Event('ended')))
    await play.conversation.getByText('Layers over 2 tabs', { exact: true }).waitFor()
    await expectSound(page)
  })

  it('says what is missing where others do not hold the model', async () => {
    await play.model.selectOption({ value: large.id })
    await letAnyone()
    await page.evaluate(() => {
      window.fake.mesh.chat = async function* () {
        const usage = {
          promptTokens: 0,
          reusedTokens: 0,
          prefillTokens: 0,
          completionTokens: 0,
          firstTokenMs: null,
          tokensPerSecond: null,
        }
        yield { kind: 'end', reason: 'error', usage, code: 'no-holder', detail: '15 to 30' } as never
      }
    })
    await play.message.fill('What holds?')
    await play.send.click()
    await page.getByText('Ask somebody to contribute, or pick another model.', { exact: true }).waitFor()
    await expectSound(page)
  })
})

describe('a tab that gives', () => {
  it('says so in the header on every screen, with its state, is not called idle, and leads to where it is stopped', async () => {
    const mark = (name: string) => page.getByRole('banner').getByRole('link', { name })
    const idle = page.getByRole('banner').getByText('Idle', { exact: true })
    await idle.waitFor()
    await page.evaluate((key) => {
      window.fakeApp.mesh.set({ consent: true, way: 'layers' })
      void window.fakeApp.mesh.contribute(key)
      return window.fake.mesh.started()
    }, small.id)
    await mark('This tab is about to give its GPU to others').waitFor()
    await page.evaluate(() => window.fake.mesh.assign(0, 15))
    await mark('This tab loads what it will give to others').waitFor()
    await page.evaluate((id) => window.fake.mesh.serve(0, 15, id, 1.4), small.id)
    await mark('This tab gives its GPU to others').waitFor()
    await expect.poll(() => idle.count()).toBe(0)
    await expectSound(page)
    await page.evaluate(() => window.fake.mesh.device.active(true))
    await mark('Giving this GPU to others is paused').click()
    await page.getByRole('heading', { name: 'Contribute', level: 2 }).waitFor()
    await play.button('Stop').click()
    await mark('Giving this GPU to others is paused').waitFor({ state: 'detached' })
    await idle.waitFor()
  })
})
