/**
 * A model by its name at a hub, in a real Chromium: announced, chosen, downloaded, kept under the id of its bytes, or
 * refused by name. `App` and all storage are real, no engine runs; the hub is played by the server that counts what was
 * fetched.
 */
import type { BrowserContext, Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { CHUNK_BYTES } from '../../web/wire/limits/models.ts'
import type { MirrorModel } from '../support/mirror-model.ts'
import type { ModelServer } from '../support/model-server.ts'
import { entryFor, putRepository } from '../support/models-app.ts'
import type { ModelsPage } from '../support/models-page.ts'
import { allButTheLast, call, downloadOf, inState, sorted, useModelsPage, view } from '../support/models-rig.ts'

declare const models: ModelsPage

const used = useModelsPage()
const { allChunks, entryOf, seen, tab, visit } = used
let context: BrowserContext
let model: MirrorModel
let server: ModelServer
beforeEach(() => {
  ;({ context, model, server } = used)
})

describe('a model by its name at a hub', () => {
  const REPO = 'weavers/noise-GGUF'
  const add = (page: Page, name: string) => call(page, 'addFromHub', name)

  async function added(page: Page, name: string): Promise<string> {
    const answer = await add(page, name)
    if (!answer.ok || answer.value.kind !== 'added') throw new Error(JSON.stringify(answer))
    return answer.value.key
  }

  const keptFromHub = (page: Page) => page.waitForFunction(() => models.view().entries.some(({ kept }) => kept))

  beforeEach(() => {
    // The mirror has nothing, so that the name leads to the hub alone.
    const empty = JSON.stringify({ models: [], adding: [], failed: [], defaultId: null })
    server.pages.set('/models/index.json', ['application/json', empty])
    putRepository(server, REPO, [entryFor(model, 'noise.gguf')])
  })

  it('is announced before a byte is fetched, comes once, and is kept under the id of its bytes', async () => {
    const page = await tab()
    const key = await added(page, REPO)
    await expect
      .poll(() => entryOf(page, key))
      .toMatchObject({
        pending: true,
        origin: { kind: 'hub', repo: 'hub/weavers' },
        model: { name: 'noise', license: 'Apache-2.0', fileBytes: model.file.length },
        fit: { state: 'refused', code: 'model-incomplete' },
      })
    expect(server.chunks).toEqual([])
    expect(await call(page, 'load', key)).toMatchObject({ ok: false, code: 'model-incomplete' })
    await call(page, 'download', key)
    await keptFromHub(page)
    expect(sorted(server.chunks)).toEqual(allChunks())
    expect(await seen(page, key)).toContain('checking')
    // The very id that the mirror would give the file.
    await expect.poll(() => entryOf(page)).toMatchObject({ kept: true, pending: false, origin: { kind: 'hub' } })
    expect((await view(page)).entries).toHaveLength(1)
    // And after a reload, where a damaged chunk comes again from the hub.
    await visit(page)
    await expect.poll(() => entryOf(page)).toMatchObject({ kept: true })
    await call(page, 'damage', 1)
    server.chunks.length = 0
    await call(page, 'download', model.id)
    await page.waitForFunction(() => models.view().downloads.length === 0)
    expect(server.chunks).toEqual([1])
    expect(await call(page, 'remove', model.id)).toMatchObject({ ok: true })
    expect(await call(page, 'folders')).toEqual([])
  })

  it('goes on after a reload with what is here', async () => {
    const page = await tab()
    const key = await added(page, `https://huggingface.co/${REPO}/blob/main/noise.gguf`)
    server.faults.set(3, ['silent'])
    await call(page, 'download', key)
    await allButTheLast(page)
    await visit(page)
    await expect.poll(() => downloadOf(page)).toMatchObject({ key, state: 'paused', name: 'noise' })
    server.chunks.length = 0
    await call(page, 'resume', key)
    await keptFromHub(page)
    expect(server.chunks).toEqual([3])
  })

  it('that is not what was announced is thrown away', async () => {
    putRepository(server, REPO, [{ ...entryFor(model, 'noise.gguf'), sha256: 'a'.repeat(64) }])
    const page = await tab()
    const key = await added(page, REPO)
    await call(page, 'download', key)
    await inState(page, 'failed')
    await expect.poll(() => downloadOf(page)).toMatchObject({ code: 'source-changed' })
    expect(await call(page, 'folders')).toEqual([])
    expect((await view(page)).entries.every(({ kept }) => !kept)).toBe(true)
  })

  it('with a line that breaks comes all the same', async () => {
    const page = await tab()
    const key = await added(page, REPO)
    server.faults.set(2, ['cut', 'cut'])
    await call(page, 'download', key)
    await keptFromHub(page)
    expect(server.chunks.filter((chunk) => chunk === 2)).toHaveLength(3)
  })

  it('of several files is asked about, and each can be named', async () => {
    putRepository(server, REPO, [
      entryFor(model, 'noise.gguf'),
      { ...entryFor(model, 'noise-small.gguf'), size: 5_000 },
      { ...entryFor(model, 'big-00001-of-00002.gguf'), size: 5_000 },
    ])
    const page = await tab()
    const answer = await add(page, REPO)
    expect(answer).toMatchObject({ ok: true, value: { kind: 'choose' } })
    const files = answer.ok && answer.value.kind === 'choose' ? answer.value.files : []
    expect(files.map(({ file }) => file.path)).toEqual(['noise-small.gguf', 'noise.gguf'])
    expect(await add(page, `${REPO}/noise.gguf`)).toMatchObject({ ok: true, value: { kind: 'added' } })
  })

  it('is refused by name: nothing there, a login, no GGUF file, too large, no name at all', async () => {
    putRepository(server, 'weavers/gated', [entryFor(model, 'noise.gguf')], { gated: 'manual' })
    putRepository(server, 'weavers/pictures', [{ path: 'photo.png', size: 9, sha256: 'b'.repeat(64) }])
    putRepository(server, 'weavers/huge', [{ path: 'huge.gguf', size: 2 ** 38, sha256: 'b'.repeat(64) }])
    const page = await tab()
    const session = await context.newCDPSession(page)
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.baseUrl, quotaSize: 64 * CHUNK_BYTES })
    expect(await add(page, 'weavers/nothing')).toMatchObject({ ok: false, code: 'source-missing' })
    expect(await add(page, `${REPO}/other.gguf`)).toMatchObject({ ok: false, code: 'source-missing' })
    expect(await add(page, 'weavers/gated')).toMatchObject({ ok: false, code: 'source-gated' })
    expect(await add(page, 'weavers/pictures')).toMatchObject({ ok: false, code: 'gguf-missing' })
    expect(await add(page, 'weavers/huge')).toMatchObject({ ok: false, code: 'storage-full' })
    expect(await add(page, 'one word')).toMatchObject({ ok: false, code: 'source-spec' })
  })
})
