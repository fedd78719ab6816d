/**
 * The models of a browser in a real Chromium: downloads with pause, resume, cuts, reloads and two tabs; quota;
 * deleting. `App` and all storage are real, no engine runs. What was fetched is counted by the server. Files straight
 * from a hub are in `models-hub.test.ts`.
 */
import type { BrowserContext, Page } from 'playwright'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { CHUNK_BYTES } from '../../web/wire/limits/models.ts'
import type { MirrorModel } from '../support/mirror-model.ts'
import type { ModelServer } from '../support/model-server.ts'
import type { ModelsPage } from '../support/models-page.ts'
import { allButTheLast, call, downloadOf, inState, sorted, useModelsPage, view } from '../support/models-rig.ts'

declare const models: ModelsPage

const used = useModelsPage()
const { allChunks, catalogue, entryOf, isKept, seen, shut, tab, visit } = used
let context: BrowserContext
let model: MirrorModel
let server: ModelServer
beforeEach(() => {
  ;({ context, model, server } = used)
})

async function isKeptNow(page: Page, ids: readonly string[]): Promise<readonly boolean[]> {
  const { entries } = await view(page)
  return ids.map((id) => entries.some(({ key, kept }) => key === id && kept))
}

describe('a download', () => {
  it('brings a model here without an engine, each chunk once, and says what it is', async () => {
    const page = await tab()
    const before = await entryOf(page)
    expect(before).toMatchObject({ kept: false, keptBytes: 0, origin: { kind: 'mirror' }, pending: false })
    expect(before?.model).toMatchObject({ license: 'Apache-2.0', fileSha256: model.manifest.fileSha256 })
    expect(await call(page, 'download', model.id)).toEqual({ ok: true, value: null })
    await isKept(page)
    expect(sorted(server.chunks)).toEqual(allChunks())
    await expect.poll(() => entryOf(page)).toMatchObject({ kept: true, keptBytes: model.file.length })
    expect((await view(page)).downloads).toEqual([])
    expect(await call(page, 'storage')).toMatchObject({ modelBytes: model.file.length })
  })

  it('of what is here is read and checked: a damaged chunk is found by its hash and fetched again', async () => {
    const page = await tab()
    await call(page, 'download', model.id)
    await isKept(page)
    await visit(page)
    await call(page, 'damage', 2)
    server.chunks.length = 0
    await call(page, 'download', model.id)
    await page.waitForFunction(() => models.view().downloads.length === 0)
    expect(await seen(page)).toContain('checking')
    expect(server.chunks).toEqual([2])
    server.chunks.length = 0
    await call(page, 'download', model.id)
    await page.waitForFunction(() => models.view().downloads.length === 0)
    expect(server.chunks).toEqual([])
  })

  it('is paused and goes on, and fetches nothing twice', async () => {
    const page = await tab()
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    await call(page, 'pause', model.id)
    await expect.poll(() => downloadOf(page)).toMatchObject({ state: 'paused', here: true })
    const { keptBytes } = (await entryOf(page)) ?? { keptBytes: 0 }
    expect(keptBytes).toBeGreaterThan(0)
    expect(keptBytes).toBeLessThan(model.file.length)
    server.chunks.length = 0
    expect(await call(page, 'resume', model.id)).toMatchObject({ ok: true })
    await isKept(page)
    expect(server.chunks).toEqual([3])
  })

  it('that a reload cut is shown as paused with what is here, and goes on', async () => {
    const page = await tab()
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    await visit(page)
    await expect
      .poll(() => downloadOf(page))
      .toMatchObject({ key: model.id, state: 'paused', totalBytes: model.file.length })
    expect((await downloadOf(page))?.doneBytes).toBe(3 * CHUNK_BYTES)
    server.chunks.length = 0
    await call(page, 'resume', model.id)
    await isKept(page)
    expect(server.chunks).toEqual([3])
  })

  it('waits while the network is gone and goes on by itself when it is back', async () => {
    const page = await tab()
    const open = shut()
    await call(page, 'download', model.id)
    await inState(page, 'fetching')
    await vi.waitUntil(() => server.busy > 0, { timeout: 20_000 })
    await context.setOffline(true)
    await inState(page, 'waiting')
    await expect.poll(() => downloadOf(page)).toMatchObject({ code: 'source-unreachable' })
    open()
    await context.setOffline(false)
    await isKept(page)
    expect(await seen(page)).toContain('waiting source-unreachable')
  })

  it('waits while the server is gone, and goes on when it answers again', async () => {
    const page = await tab()
    for (const chunk of allChunks()) server.faults.set(chunk, ['busy', 'always'])
    await call(page, 'download', model.id)
    await inState(page, 'waiting')
    server.faults.clear()
    await isKept(page)
  })

  it('goes on by itself after the server was killed in the middle, and fetches nothing twice', async () => {
    const page = await tab()
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    await server.stop()
    await inState(page, 'waiting')
    await expect.poll(() => downloadOf(page)).toMatchObject({ code: 'source-unreachable', doneBytes: 3 * CHUNK_BYTES })
    expect(sorted(server.chunks)).toEqual(allChunks())
    server.chunks.length = 0
    await server.start()
    await isKept(page)
    expect(server.chunks).toEqual([3])
  })

  it('says how fast it is and how long it takes', async () => {
    const page = await tab()
    // Two cuts cost two waits, which is long enough to measure.
    server.faults.set(3, ['cut', 'cut'])
    await call(page, 'download', model.id)
    await isKept(page)
    const { bytesPerSecond, secondsLeft } = (await call(page, 'fastest')) ?? {}
    expect(bytesPerSecond).toBeGreaterThan(0)
    expect(secondsLeft).toBeGreaterThanOrEqual(0)
  })

  it('waits for those before it, and may leave the queue', async () => {
    const others = await Promise.all(['Second', 'Third'].map((name) => catalogue(name)))
    const ids = [model.id, ...others] as const
    const page = await tab()
    const open = shut()
    for (const id of ids) expect(await call(page, 'download', id)).toMatchObject({ ok: true })
    await inState(page, 'fetching')
    const states = async () => (await view(page)).downloads.map(({ name, state }) => [name, state])
    await expect
      .poll(() => states())
      .toEqual([
        [model.manifest.name, 'fetching'],
        ['Second', 'queued'],
        ['Third', 'queued'],
      ])
    expect(await call(page, 'cancel', ids[1] ?? '')).toMatchObject({ ok: true })
    open()
    await isKept(page, ids[2])
    await expect.poll(() => isKeptNow(page, ids)).toEqual([true, false, true])
    expect(server.chunks).toHaveLength(2 * allChunks().length)
    expect(sorted(server.chunks.slice(0, 4))).toEqual(allChunks())
  })

  it('is cancelled, and nothing of it stays', async () => {
    const page = await tab()
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    expect(await call(page, 'cancel', model.id)).toEqual({ ok: true, value: null })
    expect((await view(page)).downloads).toEqual([])
    expect(await call(page, 'folders')).toEqual([])
    await expect.poll(() => entryOf(page)).toMatchObject({ kept: false, keptBytes: 0 })
  })

  it('is shown in other tabs, which fetch nothing beside it and may pause it', async () => {
    const [one, two] = [await tab(), await tab()]
    const open = shut()
    await call(one, 'download', model.id)
    await two.waitForFunction(() => models.view().downloads[0]?.here === false)
    expect(await call(two, 'remove', model.id)).toMatchObject({ ok: false, code: 'model-in-use' })
    await call(two, 'download', model.id)
    await call(two, 'pause', model.id)
    await call(two, 'cancel', model.id)
    open()
    await isKept(one)
    await isKept(two)
    expect(sorted(server.chunks)).toEqual(allChunks())
  })

  it('of a tab that is closed in the middle is left to the others as paused', async () => {
    const [one, two] = [await tab(), await tab()]
    server.faults.set(3, ['silent'])
    await call(one, 'download', model.id)
    await two.waitForFunction(() => models.view().downloads[0]?.here === false)
    await allButTheLast(two)
    await one.close()
    await inState(two, 'paused')
    await call(two, 'resume', model.id)
    await isKept(two)
    expect(sorted(server.chunks)).toEqual(sorted([...allChunks(), 3]))
  })

  it('that fills the quota stops with the numbers, and goes on when there is room', async () => {
    const page = await tab()
    const session = await context.newCDPSession(page)
    const quota = { origin: server.baseUrl, quotaSize: 3 * CHUNK_BYTES }
    await session.send('Storage.overrideQuotaForOrigin', quota)
    await call(page, 'download', model.id)
    await inState(page, 'failed')
    await expect.poll(() => downloadOf(page)).toMatchObject({ code: 'storage-full' })
    expect((await downloadOf(page))?.detail).toMatch(/^It needs \d+ MB more, there is room for \d+ MB\.$/)
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.baseUrl })
    await call(page, 'resume', model.id)
    await isKept(page)
  })

  it('whose quota ends in the middle keeps what it has, and fetches only the rest when there is room', async () => {
    const page = await tab()
    const session = await context.newCDPSession(page)
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    await call(page, 'pause', model.id)
    const { usedBytes } = await call(page, 'storage')
    // Room that the browser announces and does not have: the write itself has to fail.
    const quota = { origin: server.baseUrl, quotaSize: (usedBytes ?? 0) + 1_000_000 }
    await session.send('Storage.overrideQuotaForOrigin', quota)
    await call(page, 'resume', model.id)
    await inState(page, 'failed')
    await expect.poll(() => downloadOf(page)).toMatchObject({ code: 'storage-full' })
    await page.waitForFunction((kept) => models.view().downloads[0]?.doneBytes === kept, 3 * CHUNK_BYTES)
    expect(await call(page, 'keptBytes')).toBe(3 * CHUNK_BYTES)
    await visit(page)
    await expect.poll(() => downloadOf(page)).toMatchObject({ state: 'paused', doneBytes: 3 * CHUNK_BYTES })
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.baseUrl })
    server.chunks.length = 0
    await call(page, 'resume', model.id)
    await isKept(page)
    expect(server.chunks).toEqual([3])
  })

  it('of what the mirror does not have, or sends damaged, fails by name', async () => {
    const page = await tab()
    expect(await call(page, 'download', 'f'.repeat(64))).toMatchObject({ ok: false, code: 'model-unknown' })
    server.faults.set(1, ['damaged', 'always'])
    await call(page, 'download', model.id)
    await inState(page, 'failed')
    await expect.poll(() => downloadOf(page)).toMatchObject({ code: 'chunk-hash-mismatch' })
  })
})

describe('what is kept', () => {
  it('is deleted in all tabs, and the room is given back', async () => {
    const [one, two] = [await tab(), await tab()]
    await call(one, 'download', model.id)
    await isKept(two)
    expect(await call(one, 'remove', model.id)).toEqual({ ok: true, value: null })
    await two.waitForFunction(() => models.view().entries.every((entry) => entry.keptBytes === 0))
    expect(await call(one, 'folders')).toEqual([])
    expect(await call(one, 'storage')).toMatchObject({ modelBytes: 0 })
    await expect.poll(() => entryOf(one)).toMatchObject({ kept: false })
  })

  it('is shown with the room there is, and asking for persistence is answered in words', async () => {
    const page = await tab()
    const storage = await call(page, 'storage')
    expect(storage.quotaBytes).toBeGreaterThan(0)
    const { granted, says } = await call(page, 'persist')
    expect({ granted, says }).toMatchObject({ granted: false, says: expect.stringMatching(/made no promise/) })
    // Browsers change their mind: with a bookmark, an installed app, or as here by a setting.
    const session = await context.newCDPSession(page)
    const { browserContextId } = (await session.send('Target.getTargetInfo')).targetInfo
    const grant = { permissions: ['durableStorage' as const], origin: server.baseUrl }
    await session.send('Browser.grantPermissions', { ...grant, ...(browserContextId ? { browserContextId } : {}) })
    expect(await call(page, 'persist')).toMatchObject({
      granted: true,
      says: expect.stringMatching(/^The browser promised/),
    })
    expect((await view(page)).storage).toMatchObject({ persisted: true })
  })
})
