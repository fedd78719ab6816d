/** What `npm test` counts, on a report of a real run whose rows fail, pass, are skipped, and pass at their second try. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addCounts, countReport, NO_TESTS, type TestReport } from '../support/test-report.ts'

const row = (status: string, fullName: string, failureMessages: readonly string[] = []) => ({
  status,
  fullName,
  failureMessages,
})

const ROWS = `import { expect, it } from 'vitest'
let tries = 0
it('is sound', () => expect(1).toBe(1))
it('is flaky', () => expect(++tries).toBe(2))
it('is broken', () => expect(1).toBe(2))
it.skip('is left out', () => {})
`

describe('the count of a run', () => {
  it('tells a row that passed at its second try from one that passed at once', () => {
    const files = [
      {
        name: '/r/a.test.ts',
        status: 'failed',
        assertionResults: [row('passed', 'one'), row('failed', 'two', ['no'])],
      },
      {
        name: '/r/b.test.ts',
        status: 'passed',
        assertionResults: [row('passed', 'three', ['no']), row('skipped', 'x')],
      },
    ]
    const expected = { passed: 2, failed: 1, skipped: ['b.test.ts: x'], flaky: ['b.test.ts: three'] }
    expect(countReport({ testResults: files }, '/r')).toEqual(expected)
  })

  it('counts a file that did not load as a failure', () => {
    const files = [{ name: '/r/a.test.ts', status: 'failed', assertionResults: [] }]
    expect(countReport({ testResults: files }, '/r')).toEqual({ ...NO_TESTS, failed: 1 })
  })

  it('adds up', () => {
    const one = { passed: 1, failed: 2, skipped: ['a'], flaky: ['b'] }
    expect(addCounts(one, { ...NO_TESTS, passed: 3, flaky: ['c'] })).toEqual({ ...one, passed: 4, flaky: ['b', 'c'] })
  })

  it('reads what vitest writes of a retried row', async () => {
    const root = await mkdtemp(join(tmpdir(), 'weft-rows-'))
    const file = join(root, 'report.json')
    await writeFile(join(root, 'rows.test.ts'), ROWS.replace("'vitest'", `'${import.meta.resolve('vitest')}'`))
    const args = ['run', '--root', root, '--retry=1', '--reporter=json', `--outputFile=${file}`]
    const bin = join(import.meta.dirname, '../../node_modules/.bin/vitest')
    await new Promise((resolve) => execFile(bin, args, { cwd: root }, resolve))
    const report = JSON.parse(await readFile(file, 'utf8')) as TestReport
    const count = countReport(report, root)
    await rm(root, { recursive: true })
    const flaky = ['rows.test.ts: is flaky']
    expect(count).toEqual({ passed: 2, failed: 1, skipped: ['rows.test.ts: is left out'], flaky })
  })
})
