/**
 * `npm test`: prepares what the tests need, then runs every part in turn and counts. The last line is always
 * `N passed, N failed, N skipped`. A part that dies, or finds no test, counts as a failure; a skip and a row of the e2e
 * project that passed only at its second try are printed by name, and more than a few of those fail the run.
 * `npm test -- check fast` runs these parts only; `--long` takes the long files instead, and no checks.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChecks } from './check.ts'
import setup from './support/prepare.ts'
import {
  addCounts,
  countReport,
  FLAKY_ROWS_MAX,
  NO_TESTS,
  type TestCount,
  type TestReport,
} from './support/test-report.ts'

const root = join(import.meta.dirname, '..')
const long = process.argv.includes('--long')

/** In the order of what they cost: a broken unit is seen before a browser starts. */
const PROJECTS = ['fast', 'browser', 'oracle', 'e2e']
const named = process.argv.slice(2).filter((word) => word !== '--long')
const unknown = named.find((word) => word !== 'check' && !PROJECTS.includes(word))
if (unknown !== undefined) throw new Error(`No part is called ${unknown}: check, ${PROJECTS.join(', ')}.`)
const wanted = (part: string) => named.length === 0 || named.includes(part)

function title(text: string): void {
  process.stdout.write(`\n== ${text}\n`)
}

function vitest(args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const bin = join(root, 'node_modules/.bin/vitest')
    const child = spawn(bin, ['run', ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', () => resolve(1))
    child.on('close', (code) => resolve(code ?? 1))
  })
}

function readReport(file: string): TestReport | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as TestReport
  } catch {
    return null
  }
}

async function runProject(project: string, folder: string): Promise<TestCount> {
  const file = join(folder, `${project}.json`)
  const mode = long ? ['--mode=long', '--passWithNoTests'] : []
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const code = await vitest(['--project', project, ...mode, ...reporters])
  const report = readReport(file)
  const count = report ? countReport(report, root) : NO_TESTS
  const ran = count.passed + count.failed > 0
  if (count.failed === 0 && (code !== 0 || !(ran || long))) {
    process.stdout.write(`${project} ended with code ${code} after ${count.passed} tests: counted as a failure\n`)
    return { ...count, failed: 1 }
  }
  return count
}

async function timed<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  title(name)
  const start = performance.now()
  const value = await work()
  process.stdout.write(`-- ${name}: ${((performance.now() - start) / 1000).toFixed(0)} s\n`)
  return value
}

const PASSED = { ...NO_TESTS, passed: 1 }
const FAILED = { ...NO_TESTS, failed: 1 }
let total = NO_TESTS
const folder = mkdtempSync(join(tmpdir(), 'weft-report-'))

try {
  await timed('prepare', setup)
} catch (error) {
  process.stdout.write(`prepare failed: ${error instanceof Error ? error.message : String(error)}\n`)
  total = addCounts(total, FAILED)
}

if (!long && wanted('check')) {
  for (const { passed } of await timed('check', runChecks)) {
    total = addCounts(total, passed ? PASSED : FAILED)
  }
}

for (const project of PROJECTS.filter(wanted)) {
  total = addCounts(total, await timed(project, () => runProject(project, folder)))
}
rmSync(folder, { recursive: true, force: true })

process.stdout.write('\n')
if (total.passed === 0 && total.failed === 0) total = addCounts(total, FAILED)
if (total.flaky.length > FLAKY_ROWS_MAX) {
  process.stdout.write(`more than ${FLAKY_ROWS_MAX} rows were flaky: counted as a failure\n`)
  total = addCounts(total, FAILED)
}
for (const name of total.flaky) process.stdout.write(`flaky: ${name}\n`)
if (total.flaky.length > 0) process.stdout.write(`${total.flaky.length} passed only at their second try\n`)
for (const name of total.skipped) process.stdout.write(`skipped: ${name}\n`)
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped\n`)
process.exitCode = total.failed === 0 ? 0 : 1
