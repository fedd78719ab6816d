/**
 * A browser without room for a conversation, by the browser's own means: what is shown stays, can be taken along, and is
 * kept as soon as there is room.
 */
import type { Page } from 'playwright'
import { describe, expect, it } from 'vitest'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { useBrowser, useFiles } from '../support/app-hooks.ts'
import {
  allTexts,
  askByHand,
  exportAll,
  inList,
  PATIENT,
  settingsOf,
  shownMessages,
  untilEnded,
} from '../support/chat-screen.ts'

const SHORT = { answerTokensMax: 40 }
const server = useFiles(() => ({ plain: plainSpokenModel() }))
const browser = useBrowser({ prepare: (context) => settingsOf(context, SHORT) })

/** Chromium believes a figure of the room that is left for half a minute; resolves when it has looked again. */
async function untilFull(page: Page): Promise<void> {
  const write = () =>
    page.evaluate(async () => {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open('probe')
        opening.onupgradeneeded = () => opening.result.createObjectStore('bytes')
        opening.onsuccess = () => resolve(opening.result)
        opening.onerror = () => reject(opening.error)
      })
      const change = database.transaction('bytes', 'readwrite')
      change.objectStore('bytes').put(new Uint8Array(1), 'one')
      return new Promise<string>((resolve) => {
        change.oncomplete = () => resolve('written')
        change.onabort = () => resolve(String(change.error?.name))
      }).finally(() => database.close())
    })
  await expect.poll(write, PATIENT).toBe('QuotaExceededError')
}

describe('a browser without room', () => {
  it('says that a conversation is not kept, loses nothing shown, and keeps it once there is room', async () => {
    const page = await browser.open(`${server.url}/`)
    const session = await page.context().newCDPSession(page)
    const { origin } = new URL(server.url)
    await askByHand(page, 'First.')
    const first = await untilEnded(page)
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 })
    await untilFull(page)

    await askByHand(page, 'Second.')
    const second = await untilEnded(page)
    const note = page.getByRole('status').filter({ hasText: 'conversations-full' })
    await note.getByText(/The browser has no room to keep this conversation\. It stays open here\./).waitFor(PATIENT)
    const here = ['First.', first, 'Second.', second]
    await expect.poll(() => shownMessages(page)).toEqual(here)

    await page.getByRole('button', { name: 'New chat' }).click()
    await askByHand(page, 'Elsewhere.')
    const elsewhere = await untilEnded(page)
    await inList(page, 'First.').click()
    await expect.poll(() => shownMessages(page)).toEqual(here)
    await note.getByRole('button', { name: 'Export all' }).waitFor()
    const all = [...here, 'Elsewhere.', elsewhere].sort()
    expect(allTexts(await exportAll(page))).toEqual(all)

    await session.send('Storage.overrideQuotaForOrigin', { origin })
    await note.waitFor({ state: 'hidden', ...PATIENT })
    await page.reload()
    await expect.poll(() => shownMessages(page), PATIENT).toEqual(here)
    await inList(page, 'Elsewhere.').click()
    await expect.poll(() => shownMessages(page)).toEqual(['Elsewhere.', elsewhere])
  })
})
