/**
 * `npm run check`: every static check, one line each with its duration; the output of a check is shown only where it
 * failed. Ends non-zero if any did. Checks are whole programs: this file holds no rule of its own.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

interface Check {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

export interface CheckOutcome {
  readonly name: string
  readonly passed: boolean
  readonly seconds: number
}

const root = join(import.meta.dirname, '..')

const CHECKS: readonly Check[] = [
  { name: 'types', command: 'tsc', args: ['-p', '.'] },
  { name: 'types of web/wire (pure)', command: 'tsc', args: ['-p', 'web/wire'] },
  { name: 'types of web/rules (pure)', command: 'tsc', args: ['-p', 'web/rules'] },
  // As a package gives them away: by what the entry reaches, not by all that lies in the folder.
  {
    name: 'types of the SDK',
    command: 'tsc',
    args: ['-p', 'web/sdk', '--noEmit', '--emitDeclarationOnly', 'false'],
  },
  {
    name: 'types of web (no Node) and Svelte',
    command: 'svelte-check',
    args: ['--workspace', 'web', '--tsconfig', './tsconfig.json', '--fail-on-warnings', '--output', 'human'],
  },
  { name: 'format and lint', command: 'biome', args: ['check', '--error-on-warnings', '.'] },
  { name: 'imports', command: 'depcruise', args: ['--config', '.dependency-cruiser.cjs', 'web', 'signal', 'test'] },
  { name: 'dead code', command: 'knip', args: ['--no-progress'] },
]

function run(check: Check): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(join(root, 'node_modules/.bin', check.command), check.args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    })
    const parts: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.stderr.on('data', (part: Buffer) => parts.push(part))
    child.on('error', (error) => resolve({ code: 1, output: String(error) }))
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(parts).toString() }))
  })
}

/** Runs all checks in turn and prints as it goes. */
export async function runChecks(): Promise<readonly CheckOutcome[]> {
  const outcomes: CheckOutcome[] = []
  for (const check of CHECKS) {
    const start = performance.now()
    const { code, output } = await run(check)
    const seconds = (performance.now() - start) / 1000
    outcomes.push({ name: check.name, passed: code === 0, seconds })
    process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${check.name} ${seconds.toFixed(1)} s\n`)
    if (code !== 0) process.stdout.write(`${output.trimEnd()}\n`)
  }
  return outcomes
}

if (process.argv[1] === import.meta.filename) {
  const failed = (await runChecks()).filter((outcome) => !outcome.passed)
  process.exitCode = failed.length === 0 ? 0 : 1
}
