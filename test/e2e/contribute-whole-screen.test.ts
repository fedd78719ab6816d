/**
 * Whole answers on the Contribute screen, over a played mesh: what would be used, each rule by keyboard, every state that a
 * person can meet, judged by axe, light, dark and on a phone.
 */
import { describe, expect, it } from 'vitest'
import { large, mirror, small, usePlayedPage } from '../support/played-page.ts'

const used = usePlayedPage()
const page = () => used.current.page
const region = (name: string) => page().getByRole('region', { name, exact: true })
const choice = (name: string) => page().getByRole('combobox', { name, exact: true })
const offer = () => page().evaluate(() => window.fake.mesh.served[0] ?? null)

async function begin(): Promise<void> {
  await used.current.open({}, '#/contribute')
  await used.current.button('Contribute this GPU').click()
  await used.current.button('Agree and contribute').click()
  await used.current.untilLoading()
}

/** The runs for nobody end. */
async function measured(): Promise<void> {
  for (let run = 0; run < 2; run += 1) {
    await used.current.untilAnswering()
    await page().evaluate(() => {
      window.fake.engine.answer('thread')
      return window.fake.engine.until(() => !window.fake.engine.answering)
    })
  }
}

async function give(): Promise<void> {
  await begin()
  await used.current.finishLoad()
  await measured()
  await region('Contributing').waitFor()
}

describe('whole answers', () => {
  it('are what is best where the model fits, layers where it does not, and a person may pick', async () => {
    await used.current.open({ mirror: { ...mirror, models: [small, large] } }, '#/contribute')
    const setup = region('What would be used')
    await setup.getByText('Whole answers: the model fits here').waitFor()
    await setup.getByText('All 30').waitFor()
    await setup.getByText('Whoever asks sends this tab their whole prompt').waitFor()
    await used.current.expectAccessible()
    await choice('Model').selectOption('Large-Instruct')
    await setup.getByText('Layers: the whole model does not fit').waitFor()
    await choice('Give').selectOption('Whole answers')
    await setup.getByText('This model does not fit the GPU.').waitFor()
    await expect.poll(() => used.current.button('Contribute this GPU').isDisabled()).toBe(true)
    await choice('Give').selectOption('Layers of the model')
    await region('Whole answers').waitFor({ state: 'detached' })
    await setup.getByText('Layers, as you picked.').waitFor()
    await used.current.expectSound()
  })

  it('are loaded, measured, given and counted', async () => {
    await begin()
    await region('Loading').getByText('Small-Instruct').waitFor()
    await used.current.finishLoad()
    await region('Measuring').getByText('Measuring how fast Small-Instruct answers here').waitFor()
    await used.current.expectAccessible()
    await measured()
    const given = region('Contributing')
    await given.getByText('Small-Instruct, whole answers').waitFor()
    await given.getByText('Nobody asks right now.').waitFor()
    await page().evaluate(() => window.fake.mesh.jobCame(2, { jobs: 7, tokens: 1_234 }))
    for (const fact of ['7', '1,234', '48 tokens/s', 'Stage engine'])
      await given.getByText(fact, { exact: true }).waitFor()
    await used.current.expectSound()
  })

  it('have rules that are set by keyboard, hold at once and are there after a reload', async () => {
    await give()
    await choice('Longest answer').focus()
    await page().keyboard.press('ArrowDown')
    await page().keyboard.press('ArrowDown')
    expect((await offer())?.answerTokensMax).toBe(256)
    await choice('Longest prompt').focus()
    await page().keyboard.press('End')
    // As much as is allowed, of what the model has room for.
    expect((await offer())?.promptTokensMax).toBe(4_096)
    await choice('Answers at once').focus()
    await page().keyboard.press('ArrowUp')
    expect((await offer())?.parallel).toBe(3)
    await page().getByRole('checkbox', { name: 'Give as a donor' }).focus()
    await page().keyboard.press('Space')
    await region('Contributing').getByText('You give as a donor').waitFor()
    await used.current.expectSound()
    await page().reload()
    await expect.poll(() => choice('Longest answer').inputValue()).toBe('256')
    await expect.poll(() => choice('Answers at once').inputValue()).toBe('3')
    await expect.poll(() => page().getByRole('checkbox', { name: 'Give as a donor' }).isChecked()).toBe(true)
  })

  it('are paused and resumed by keyboard, and pause where the own chat uses another model', async () => {
    await give()
    await used.current.button('Pause').focus()
    await page().keyboard.press('Enter')
    await region('Paused').getByText('Nothing of Small-Instruct is on your GPU now.').waitFor()
    expect(await offer()).toBe(null)
    await page().keyboard.press('Enter')
    await used.current.untilLoading()
    await used.current.finishLoad()
    await measured()
    await region('Contributing').waitFor()
    await page().evaluate(async (id) => {
      const { engine, mesh } = window.fake
      const loaded = window.fakeApp.load(id)
      await engine.until(() => engine.loading)
      engine.finishLoad()
      await loaded
      mesh.jobCame(0, { jobs: 0, tokens: 0 })
    }, large.id)
    await region('Paused').getByText('Your own chat uses another model now.').waitFor()
    await used.current.expectSound()
  })

  it('where the own chat has another model loaded, it is said that it makes room', async () => {
    await used.current.open({}, '#/contribute')
    await page().evaluate(async (id) => {
      const { engine } = window.fake
      window.fake.engine.inspections.delete(id)
      const loaded = window.fakeApp.load(id)
      await engine.until(() => engine.loading)
      engine.finishLoad()
      await loaded
    }, large.id)
    await choice('Model').selectOption('Small-Instruct')
    await page().getByText('Your own chat has Large-Instruct loaded. It makes room').waitFor()
    await used.current.expectAccessible()
  })
})
