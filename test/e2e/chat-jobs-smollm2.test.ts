/**
 * A chat with the real SmolLM2 on the page that ships, in a browser without a GPU and with its CPU engine off: another tab
 * answers it whole, and says what it says by itself. A software adapter takes a second or so a token, so the answer is short.
 */
import { expect, it } from 'vitest'
import { shortPeer } from '../../web/wire/peers.ts'
import { buildAppAndTabs, TABS_PATH } from '../support/app-and-tabs.ts'
import { askByHand, lastAnswer, letAnyone, PATIENT, settingsOf, untilEnded } from '../support/chat-screen.ts'
import { launchChromium, launchWithoutGpu, OPEN_ADDRESSES } from '../support/chromium.ts'
import { openMeshTab } from '../support/mesh-app.ts'
import { SHARED_DATA, sharedModels } from '../support/prepare.ts'
import { startTestServer } from '../support/server.ts'

const QUESTION = 'What is the capital of France?'
const LAYERS = 30
const TOKENS = 8

it('is answered by a tab that holds SmolLM2, whole', async () => {
  const [model = ''] = sharedModels()
  const built = await buildAppAndTabs()
  const server = await startTestServer({ dataDir: SHARED_DATA, appDir: built.appDir })
  const working = await launchChromium({ args: [...OPEN_ADDRESSES] })
  const asking = await launchWithoutGpu(OPEN_ADDRESSES)
  try {
    const tab = await openMeshTab(working, `${server.url}${TABS_PATH}`)
    tab.page.setDefaultTimeout(0)
    expect(await tab.call('offerJobs', model, LAYERS, 1)).toMatchObject({ ok: true })
    const context = await asking.newContext()
    await settingsOf(context, { answerTokensMax: TOKENS })
    const page = await context.newPage()
    await page.goto(`${server.url}/?engine=stage`)
    await page.getByRole('button', { name: 'Let other tabs answer' }).click(PATIENT)
    await letAnyone(page)
    await askByHand(page, QUESTION)
    await lastAnswer(page)
      .getByText(`whole: ${shortPeer(await tab.call('peer'))}`)
      .waitFor(PATIENT)
    await expect.poll(() => lastAnswer(page).locator('.text').textContent(), { timeout: 180_000 }).toContain('Paris')
    expect(await untilEnded(page)).toMatch(/capital of France is Paris/)
    expect(tab.complaints).toEqual([])
  } finally {
    await asking.close()
    await working.close()
    await server.close()
    await built.remove()
  }
})
