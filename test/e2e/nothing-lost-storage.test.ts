/**
 * A browser that refuses storage, by its own setting: the chat works from memory, says so, and what was said can be taken
 * along.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { describe, expect, it } from 'vitest'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { useFiles } from '../support/app-hooks.ts'
import {
  allTexts,
  askByHand,
  exportAll,
  inList,
  PATIENT,
  shownAtLeast,
  shownMessages,
  untilEnded,
} from '../support/chat-screen.ts'
import { launchProfile } from '../support/chromium.ts'

const server = useFiles(() => ({ plain: plainSpokenModel() }))

/** Without storage no settings are kept either, and answers are as long as they come. */
async function stopSoon(page: Page): Promise<string> {
  await shownAtLeast(page, 20)
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  return untilEnded(page)
}

describe('a browser that refuses storage', () => {
  it('chats from memory, says so, and lets everything be taken along', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-profile-'))
    // As a person sets it: no site may keep anything.
    const preferences = { profile: { default_content_setting_values: { cookies: 2 } } }
    await mkdir(join(folder, 'Default'))
    await writeFile(join(folder, 'Default', 'Preferences'), JSON.stringify(preferences))
    const context = await launchProfile(folder)
    const complaints: string[] = []
    context.on('weberror', (found) => complaints.push(found.error().message))
    try {
      const page = await context.newPage()
      await page.goto(`${server.url}/`)
      const refused = await page
        .evaluate(async () => {
          const request = indexedDB.open('test')
          return new Promise((resolve) => {
            request.onsuccess = () => resolve(null)
            request.onerror = () => resolve(request.error?.name)
          })
        })
        .catch((error: unknown) => String(error))
      expect(refused).not.toBeNull()
      const note = page.getByRole('status').filter({ hasText: 'conversations-denied' })
      await note.getByText(/They last until the page is closed\./).waitFor(PATIENT)
      await askByHand(page, 'First.')
      await stopSoon(page)
      const shown = await shownMessages(page)
      expect(shown[1]?.length).toBeGreaterThan(10)
      await page.getByRole('button', { name: 'New chat' }).click()
      await askByHand(page, 'Second.')
      const second = await stopSoon(page)
      await inList(page, 'First.').click()
      await expect.poll(() => shownMessages(page)).toEqual(shown)
      expect(allTexts(await exportAll(page))).toEqual([...shown, 'Second.', second].sort())
    } finally {
      await context.close()
      await rm(folder, { recursive: true, force: true })
    }
    expect(complaints).toEqual([])
  })
})
