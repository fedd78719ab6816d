/**
 * What no other tool holds: the shape of the top level, words that may stand in one room only, opening comments, dead
 * links in the documents, codes that nothing reports. Reads the tracked files; checks text, never behaviour.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CODES } from '../../web/wire/codes.ts'

const root = join(import.meta.dirname, '../..')

/** Tracked files and new ones that git does not ignore; files that were deleted but not yet committed are left out. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)))

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const inFolder = (...folders: string[]) =>
  files.filter((file) => folders.some((folder) => file.startsWith(`${folder}/`)))
const sources = inFolder('web', 'signal').filter((file) => /\.(ts|svelte|wgsl)$/.test(file))

/** Files of `among` that contain `word`, without those that may. */
function uses(word: string | RegExp, among: readonly string[], allowed: (file: string) => boolean): readonly string[] {
  return among.filter(
    (file) => !allowed(file) && (typeof word === 'string' ? read(file).includes(word) : word.test(read(file))),
  )
}

describe('the tree', () => {
  it('has these entries at the top, and dot files', () => {
    const top = new Set(files.map((file) => file.split('/')[0] ?? '').filter((name) => !name.startsWith('.')))
    const known = ['LICENSE', 'README.md', 'package-lock.json', 'package.json', 'tsconfig.json', 'vite.config.ts']
    const folders = ['docs', 'public', 'signal', 'test', 'web']
    expect([...top].filter((name) => !known.includes(name) && !folders.includes(name))).toEqual([])
    expect(known.filter((name) => !top.has(name))).toEqual([])
  })

  it('has no utils and no barrels', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|index)\.ts$/.test(file))).toEqual([])
  })
})

describe('words that belong to one room', () => {
  it('process.env: signal/config.ts', () => {
    expect(uses('process.env', sources, (file) => file === 'signal/config.ts')).toEqual([])
  })

  it('navigator.gpu: web/engine/gpu/', () => {
    expect(uses('navigator.gpu', sources, (file) => file.startsWith('web/engine/gpu/'))).toEqual([])
  })

  it('SQL: signal/ledger/', () => {
    expect(uses(/from 'kysely'|\bsql`/, sources, (file) => file.startsWith('signal/ledger/'))).toEqual([])
  })

  it('WGSL: .wgsl files, never a string', () => {
    const shader = /@compute\s*@workgroup_size|@group\(\d\)\s*@binding|var<(storage|uniform|workgroup)/
    const code = files.filter((file) => /\.(ts|svelte)$/.test(file) && file !== 'test/tidy/tidy.test.ts')
    expect(uses(shader, code, () => false)).toEqual([])
  })

  it('raw HTML: nowhere, what a model says is text', () => {
    expect(uses(/\{@html|\.innerHTML|insertAdjacentHTML/, sources, () => false)).toEqual([])
  })

  it('no public address in what runs, but for sources of models', () => {
    const address = /https?:\/\/(?!localhost|127\.0\.0\.1|www\.w3\.org)[a-z0-9.-]+\.[a-z]{2,}/
    const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$|<!--[\s\S]*?-->/gm, '')
    const hits = sources.filter(
      (file) => !file.startsWith('signal/models/') && address.test(withoutComments(read(file))),
    )
    expect(hits).toEqual([])
  })
})

describe('every file says what it is', () => {
  it('opens with a comment', () => {
    const opening = /^(#!.*\n)?(enable \w+;)?\s*(\/\*|\/\/|<!--|<script[^>]*>\s*(\/\*|\/\/))/
    const tested = [...sources, ...inFolder('test').filter((file) => file.endsWith('.ts'))]
    expect(tested.filter((file) => !opening.test(read(file)))).toEqual([])
  })
})

describe('the documents', () => {
  const documents = files.filter((file) => file.endsWith('.md'))

  it('link to files that exist', () => {
    const dead: string[] = []
    for (const file of documents) {
      for (const [, target = ''] of read(file).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(https?:|mailto:|#)/.test(target)) continue
        const path = join(dirname(file), target.replace(/#.*$/, ''))
        if (!existsSync(join(root, path))) dead.push(`${file}: ${target}`)
      }
    }
    expect(dead).toEqual([])
  })

  it('LIMITS.md names every limit and no other', () => {
    const named = new Set([...read('docs/LIMITS.md').matchAll(/`([A-Z][A-Z0-9_]{2,})`/g)].map((match) => match[1]))
    const limits = inFolder('web/wire/limits').map(read)
    const stands = new Set([...limits.join('\n').matchAll(/^export const ([A-Z0-9_]+)/gm)].map((match) => match[1]))
    for (const unit of ['KIB', 'MIB', 'GIB']) stands.delete(unit)
    expect([...stands].filter((name) => !named.has(name))).toEqual([])
    expect([...named].filter((name) => !stands.has(name))).toEqual([])
  })

  it('DEVELOPMENT.md names every script', () => {
    const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts)
    const text = read('docs/DEVELOPMENT.md')
    expect(scripts.filter((name) => !text.includes(`\`npm run ${name}`) && !text.includes(`\`npm ${name}`))).toEqual([])
  })
})

describe('result codes', () => {
  it('are each reported somewhere', () => {
    const text = sources
      .filter((file) => file !== 'web/wire/codes.ts')
      .map(read)
      .join('\n')
    expect(Object.keys(CODES).filter((code) => !text.includes(`'${code}'`))).toEqual([])
  })
})
