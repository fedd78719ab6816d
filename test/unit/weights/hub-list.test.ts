/** What a hub announces, read by its pages: names that people write, lists that go on, and answers that are no answers. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseHubGguf, parseHubName } from '../../../web/weights/hub-gguf.ts'
import { listHubGgufs } from '../../../web/weights/hub-list.ts'
import { readRepository } from '../../../web/weights/hub-repository.ts'
import { HUB_LIST_PAGES_MAX } from '../../../web/wire/limits/models.ts'
import { HubServer } from '../../support/hub-server.ts'

const REPO = 'weavers/tiny-GGUF'
const weights = (bytes: number) => new Uint8Array(bytes).fill(7)

let hub: HubServer
beforeEach(async () => {
  const files = Array.from({ length: 9 }, (_, at) => [`notes/${at}.txt`, weights(10)] as const)
  const models = [
    ['big-00001-of-00002.gguf', weights(4_000)],
    ['mmproj-tiny.gguf', weights(4_000)],
    ['sub/tiny-Q8_0.gguf', weights(9_000)],
    ['tiny-Q4_0.gguf', weights(5_000)],
    ['pointer.gguf', weights(100)],
  ] as const
  hub = await new HubServer(REPO, new Map([...files, ...models])).start()
})
afterEach(() => hub.stop())

const list = (name: string) => listHubGgufs(name, hub.url)

describe('a list of files', () => {
  it('is read to its last page, and names what can be loaded by itself, smallest first', async () => {
    const found = await list(REPO)
    expect(found.ok && found.value.map(({ path }) => path)).toEqual(['tiny-Q4_0.gguf', 'sub/tiny-Q8_0.gguf'])
    expect(found.ok && found.value[1]).toMatchObject({
      repo: REPO,
      commit: hub.commit,
      license: 'Apache-2.0',
      fileBytes: 9_000,
      url: `${hub.url}/${REPO}/resolve/${hub.commit}/sub/tiny-Q8_0.gguf`,
    })
    expect(hub.seen.filter(({ path }) => path.includes('/tree/'))).toHaveLength(Math.ceil(15 / hub.filesPerPage))
    // What is kept of it is checked like any other input, and passes.
    expect(found.ok && found.value.map(parseHubGguf)).toMatchObject([{ ok: true }, { ok: true }])
  })

  it('is asked for one file by its name', async () => {
    expect(await list(`${REPO}/sub/tiny-Q8_0.gguf`)).toMatchObject({ ok: true, value: [{ fileBytes: 9_000 }] })
    expect(await list(`${REPO}/other.gguf`)).toMatchObject({ ok: false, code: 'source-missing' })
    expect(await list(`${REPO}/pointer.gguf`)).toMatchObject({ ok: false, code: 'gguf-missing' })
    expect(await list(`${REPO}/mmproj-tiny.gguf`)).toMatchObject({ ok: false, code: 'gguf-missing' })
  })

  it('never goes on at another host, nor for ever', async () => {
    hub.nextHost = 'https://elsewhere.example'
    expect(await list(REPO)).toMatchObject({ ok: false, code: 'source-error-page' })
    hub.nextHost = null
    hub.filesPerPage = 1
    const many = Array.from({ length: HUB_LIST_PAGES_MAX + 1 }, (_, at) => [`${at}.txt`, weights(10)] as const)
    hub.repos.set(REPO, new Map(many))
    expect(await list(REPO)).toMatchObject({ ok: false, code: 'source-error-page' })
  })

  it('of a repository that is not there, wants a login, is away or answers with a page, is refused by name', async () => {
    expect(await list('weavers/nothing')).toMatchObject({ ok: false, code: 'source-missing' })
    for (const [status, code] of [
      [401, 'source-missing'],
      [403, 'source-gated'],
      [503, 'source-unreachable'],
    ] as const) {
      hub.manners.set('revision', [{ kind: 'status', status }])
      expect(await list(REPO)).toMatchObject({ ok: false, code })
    }
    hub.manners.set('revision', [{ kind: 'page', type: 'text/html' }])
    expect(await list(REPO)).toMatchObject({ ok: false, code: 'source-error-page' })
    hub.manners.set('revision', [{ kind: 'page', type: 'application/json' }])
    expect(await list(REPO)).toMatchObject({ ok: false, code: 'source-error-page' })
    hub.manners.clear()
    hub.manners.set('tree', [{ kind: 'status', status: 403 }])
    expect(await list(REPO)).toMatchObject({ ok: false, code: 'source-gated' })
  })

  it('has small files by the id of their git blob, and the license that the card names', async () => {
    hub.card = { license: 'other', license_name: 'weavers-1.0' }
    const read = await readRepository({ repo: REPO, revision: 'main' }, hub.url)
    expect(read).toMatchObject({ ok: true, value: { commit: hub.commit, license: 'weavers-1.0' } })
    expect(read.ok && read.value.files.find(({ path }) => path === 'notes/0.txt')?.digest).toMatch(/^git:[0-9a-f]{40}$/)
    hub.card = null
    const bare = await readRepository({ repo: REPO, revision: 'main' }, hub.url)
    expect(bare).toMatchObject({ ok: true, value: { license: 'unknown' } })
  })
})

describe('what a person wrote', () => {
  it.each([
    [REPO, { repo: REPO, path: null, revision: 'main' }],
    [`  hf:${REPO}/tiny.gguf `, { repo: REPO, path: 'tiny.gguf', revision: 'main' }],
    [`${REPO}/sub/tiny.gguf`, { repo: REPO, path: 'sub/tiny.gguf', revision: 'main' }],
    [`https://huggingface.co/${REPO}`, { repo: REPO, path: null, revision: 'main' }],
    [`https://huggingface.co/${REPO}/tree/v2/sub`, { repo: REPO, path: null, revision: 'v2' }],
    [
      `https://huggingface.co/${REPO}/blob/main/a%20b.gguf?download=true`,
      { repo: REPO, path: 'a b.gguf', revision: 'main' },
    ],
  ])('%s', (said, meant) => {
    expect(parseHubName(said)).toEqual({ ok: true, value: meant })
  })

  it.each(['', 'word', '../../etc', 'a/b/../c.gguf', 'https://', `${REPO}/%2e%2e/x.gguf`, 'a b/c'])(
    '%j names no repository',
    (said) => {
      expect(parseHubName(said)).toMatchObject({ ok: false, code: 'source-spec' })
    },
  )

  it('never leads out of its repository, whatever it is', () => {
    const letter = fc.constantFrom('a', 'B', '0', '.', '-', '%', '2', 'e', ':', ' ', 'é')
    const segment = fc.oneof(
      fc.constantFrom('..', '.', '%2e%2e', 'resolve', 'main', 'x.gguf'),
      fc.string({ unit: letter }),
    )
    const said = fc.array(segment, { maxLength: 6 }).map((segments) => `a/${segments.join('/')}`)
    let named = 0
    fc.assert(
      fc.property(said, (text) => {
        const parsed = parseHubName(text)
        if (!parsed.ok) return parsed.code === 'source-spec'
        named += 1
        const { repo, path } = parsed.value
        const { pathname } = new URL(`https://hub/${repo}/resolve/main/${path ?? ''}`)
        return pathname.startsWith(`/${repo}/resolve/main/`)
      }),
      { numRuns: 2_000 },
    )
    expect(named).toBeGreaterThan(20)
  })
})
