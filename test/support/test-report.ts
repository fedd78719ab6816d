/**
 * What a run of vitest came to, from its JSON report: passed, failed, skipped, and flaky, which are rows that passed only at
 * their second try. Starts nothing and decides nothing about a whole run.
 */

/** The part of vitest's JSON report that is read here. */
export interface TestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      /** Of every try: a row that passed has some where an earlier try failed. */
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

export interface TestCount {
  readonly passed: number
  readonly failed: number
  /** By file and name. A flaky row has passed too. */
  readonly skipped: readonly string[]
  readonly flaky: readonly string[]
}

/** More of them in one run, and the tests are what is broken. */
export const FLAKY_ROWS_MAX = 3

export const NO_TESTS: TestCount = { passed: 0, failed: 0, skipped: [], flaky: [] }

/** `root`: what is left out of the names of files. */
export function countReport(report: TestReport, root: string): TestCount {
  const rows = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((row) => ({ ...row, name: `${name.slice(root.length + 1)}: ${row.fullName}` })),
  )
  const passed = rows.filter(({ status }) => status === 'passed')
  const skipped = rows.filter(({ status }) => status !== 'passed' && status !== 'failed')
  const failedIn = report.testResults.map(({ status, assertionResults }) => {
    const failed = assertionResults.filter((row) => row.status === 'failed').length
    // A file that fails without a failed test did not load, or broke in a hook.
    return status === 'failed' ? Math.max(1, failed) : failed
  })
  return {
    passed: passed.length,
    failed: failedIn.reduce((sum, count) => sum + count, 0),
    skipped: skipped.map(({ name }) => name),
    flaky: passed.filter(({ failureMessages }) => failureMessages.length > 0).map(({ name }) => name),
  }
}

export function addCounts(a: TestCount, b: TestCount): TestCount {
  const skipped = [...a.skipped, ...b.skipped]
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped, flaky: [...a.flaky, ...b.flaky] }
}
