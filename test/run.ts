/**
 * `npm test`: prepares what the tests need, then runs every part in turn and counts. The last line is always
 * `N passed, N failed, N skipped`. A part that dies, or finds no test, counts as a failure; a skip is printed by name.
 * `npm test -- check fast` runs these parts only; `--long` takes the long files instead, and no checks.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChecks } from './check.ts'
import setup from './support/prepare.ts'

interface Count {
  passed: number
  failed: number
  readonly skipped: string[]
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

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

function readReport(file: string): Report | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return null
  }
}

function countReport(report: Report): Count {
  const count: Count = { passed: 0, failed: 0, skipped: [] }
  for (const file of report.testResults) {
    let failedHere = 0
    for (const test of file.assertionResults) {
      if (test.status === 'passed') count.passed += 1
      else if (test.status === 'failed') failedHere += 1
      else count.skipped.push(`${file.name.slice(root.length + 1)}: ${test.fullName}`)
    }
    // A file that fails without a failed test did not load, or broke in a hook.
    count.failed += file.status === 'failed' ? Math.max(1, failedHere) : failedHere
  }
  return count
}

async function runProject(project: string, folder: string): Promise<Count> {
  const file = join(folder, `${project}.json`)
  const mode = long ? ['--mode=long', '--passWithNoTests'] : []
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const code = await vitest(['--project', project, ...mode, ...reporters])
  const report = readReport(file)
  const count = report ? countReport(report) : { passed: 0, failed: 0, skipped: [] }
  const ran = count.passed + count.failed > 0
  if (count.failed === 0 && (code !== 0 || !(ran || long))) {
    process.stdout.write(`${project} ended with code ${code} after ${count.passed} tests: counted as a failure\n`)
    count.failed = 1
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

const total: Count = { passed: 0, failed: 0, skipped: [] }
const folder = mkdtempSync(join(tmpdir(), 'weft-report-'))

try {
  await timed('prepare', setup)
} catch (error) {
  process.stdout.write(`prepare failed: ${error instanceof Error ? error.message : String(error)}\n`)
  total.failed += 1
}

if (!long && wanted('check')) {
  for (const { passed } of await timed('check', runChecks)) {
    if (passed) total.passed += 1
    else total.failed += 1
  }
}

for (const project of PROJECTS.filter(wanted)) {
  const count = await timed(project, () => runProject(project, folder))
  total.passed += count.passed
  total.failed += count.failed
  total.skipped.push(...count.skipped)
}
rmSync(folder, { recursive: true, force: true })

if (total.passed === 0) total.failed = Math.max(1, total.failed)
process.stdout.write('\n')
for (const name of total.skipped) process.stdout.write(`skipped: ${name}\n`)
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped\n`)
process.exitCode = total.failed === 0 ? 0 : 1
