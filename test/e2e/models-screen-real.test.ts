/**
 * One way through the Models screen over the real server, storage and engine, by mouse: a model comes, is measured,
 * checked and used, stays over a reload and goes. The screen's states are in `models-screen.test.ts`.
 */
import { describe, expect, it } from 'vitest'
import { useBrowser, useModels } from '../support/app-hooks.ts'

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
