/**
 * The Tools screen with a played engine behind the page that ships: each form asks what it says, results grow, stop, fail with
 * a next step and are kept; judged by axe in light, dark and on a phone.
 */
import type { Page } from 'playwright'
import { describe, expect, it } from 'vitest'
import { usePlayedPage } from '../support/played-page.ts'

const used = usePlayedPage()
const page = (): Page => used.current.page
const button = (name: string) => used.current.button(name)
const region = (name: string | RegExp) => page().getByRole('region', { name, exact: true })
const pick = (name: string) => page().getByRole('radio', { name, exact: true }).check()

async function open(): Promise<void> {
  await used.current.open({}, '#/tools')
  await page().getByRole('heading', { name: 'Tools', level: 2 }).waitFor()
}

/** Starts the open tool and has its model loaded, where it is not yet. */
async function start(name: string): Promise<void> {
  await button(name).click()
  await page().evaluate(async () => {
    const { engine } = window.fake
    await engine.until(() => engine.loading || engine.answering)
    if (engine.loading) engine.finishLoad()
    await engine.until(() => engine.answering)
  })
}

async function asked(): Promise<string> {
  const request = await used.current.request()
  return request?.messages.map(({ content }) => content).join('\n') ?? ''
}

describe('the screen', () => {
  it('shows what comes as it comes, then the result, which can be copied and outlives a look elsewhere', async () => {
    await open()
    await used.current.expectSound()
    await page().getByRole('textbox', { name: 'Text' }).fill('Warp and weft make cloth. They cross.')
    await page().getByRole('combobox', { name: 'Length' }).selectOption('One sentence')
    await start('Summarise')
    expect(await asked()).toMatch(/one sentence[\s\S]*Warp and weft make cloth/)
    await used.current.emit({ kind: 'text', text: 'Threads cross' })
    await region('At work').getByText('Threads cross').waitFor()
    await button('Stop').waitFor()
    await used.current.expectAccessible()
    await used.current.answer(' and make cloth.')
    await region('Result').getByText('Threads cross and make cloth.').waitFor()
    await page().context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await button('Copy result').click()
    await expect.poll(() => page().evaluate(() => navigator.clipboard.readText())).toBe('Threads cross and make cloth.')
    await used.current.expectSound()
    await page().evaluate(() => location.assign('#/settings'))
    await page().getByRole('heading', { name: 'Settings', level: 2 }).waitFor()
    await page().evaluate(() => location.assign('#/tools'))
    await region('Result').getByText('Threads cross and make cloth.').waitFor()
  })

  it('stops and keeps what had come; says why it failed and does it again', async () => {
    await open()
    await pick('Translate')
    await page().getByRole('textbox', { name: 'Text' }).fill('Good morning.')
    await page().getByRole('textbox', { name: 'Into' }).fill('Latin')
    await start('Translate')
    expect(await asked()).toContain('into Latin')
    await used.current.emit({ kind: 'text', text: 'Salve' })
    await region('At work').getByText('Salve').waitFor()
    await button('Stop').click()
    await region('Stopped').getByText('Salve').waitFor()
    await start('Translate')
    await used.current.emit({
      kind: 'end',
      reason: 'error',
      code: 'gpu-memory',
      usage: {
        promptTokens: 0,
        prefillTokens: 0,
        reusedTokens: 0,
        completionTokens: 0,
        firstTokenMs: null,
        tokensPerSecond: null,
      },
    })
    await page().getByText('The GPU ran out of memory.').waitFor()
    await used.current.expectSound()
    await start('Try again')
    await used.current.answer('Salve.')
    await region('Result').getByText('Salve.').waitFor()
  })

  it('asks before anything leaves the device', async () => {
    await open()
    await page().getByRole('combobox', { name: 'Who may answer' }).selectOption('Anyone')
    await button('Agree and connect').waitFor()
    await page().keyboard.press('Escape')
    await page().getByText('Nothing you write here leaves this device.').waitFor()
    await expect.poll(() => page().getByRole('combobox', { name: 'Who may answer' }).inputValue()).toBe('device')
    expect(await page().evaluate(() => window.fakeApp.mesh.view.settings.consent)).toBe(false)
  })
})

describe('a form that holds to a schema', () => {
  it('gives replies to pick from', async () => {
    await open()
    await pick('Replies')
    await page().getByRole('textbox', { name: 'Message' }).fill('Shall we meet?')
    await page().getByRole('textbox', { name: 'You are' }).fill('a shop')
    await start('Replies')
    expect(await asked()).toContain('You answer as a shop.')
    await used.current.answer('["Yes.","No.","Perhaps."]')
    await expect.poll(() => region('Result').getByRole('listitem').allInnerTexts()).toEqual(['Yes.', 'No.', 'Perhaps.'])
    await used.current.expectSound()
  })

  it('gives one of the own labels, and refuses a single one', async () => {
    await open()
    await pick('Classify')
    await page().getByRole('textbox', { name: 'Text' }).fill('My parcel is late.')
    await page().getByRole('combobox', { name: 'Labels' }).selectOption('Your own')
    const labels = page().getByRole('textbox', { name: 'Your labels' })
    await labels.fill('shipping: parcels')
    await button('Classify').click()
    await page().getByText('Name at least two labels.').waitFor()
    await labels.fill('shipping: parcels\nbilling: money')
    await start('Try again')
    expect(await asked()).toContain('- shipping: parcels')
    await used.current.answer('{"label":"shipping"}')
    await region('Result').getByText('shipping', { exact: true }).waitFor()
    await used.current.expectSound()
  })

  it('reads out fields, and says which line is none', async () => {
    await open()
    await pick('Extract')
    await page().getByRole('textbox', { name: 'Text' }).fill('Ada owes 12.')
    const fields = page().getByRole('textbox', { name: 'What to read out' })
    await fields.fill('who: text\ntotal: gold')
    await button('Extract').click()
    await page().getByText('“total: gold” is no field').waitFor()
    await fields.fill('who: text\ntotal: number')
    await start('Try again')
    await used.current.answer('{"who":"Ada","total":12}')
    await region('Result').getByText('"total": 12').waitFor()
    await used.current.expectSound()
  })
})

it('searches by meaning, with a model that makes embeddings, and says so where there is none', async () => {
  await open()
  await pick('Search')
  await page().getByRole('textbox', { name: 'Texts' }).fill('The sea is wide.\nLand is dry.')
  await page().getByRole('textbox', { name: 'Look for' }).fill('water')
  await button('Search').click()
  await used.current.untilLoading()
  await used.current.finishLoad()
  await page().getByText('This model makes no embeddings.').waitFor()
  await used.current.expectSound()
  await page().evaluate(() => {
    window.fake.engine.embed = async (texts) => {
      const vectors = texts.map((text) => Float32Array.from(/sea|water/.test(text) ? [1, 0] : [0, 1]))
      return { ok: true, value: { vectors, promptTokens: 4 } }
    }
  })
  await button('Try again').click()
  await expect
    .poll(() => region('Result').getByRole('listitem').allInnerTexts())
    .toEqual([expect.stringMatching(/^The sea is wide\.\s*1\.00$/), expect.stringMatching(/^Land is dry\.\s*0\.00$/)])
  await used.current.expectSound()
})
