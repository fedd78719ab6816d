/** Chi-square of counts against exact probabilities. Cells with few expected counts are joined, as the test demands. */

const EXPECTED_MIN = 5

/** ln Gamma(x), x > 0: Stirling's series after shifting x beyond 8; error below 1e-12. */
function logGamma(x: number): number {
  let shift = 0
  let at = x
  for (; at < 8; at += 1) shift -= Math.log(at)
  const inverse = 1 / (at * at)
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / at
  return shift + (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series
}

/** Upper regularised incomplete gamma Q(a, x): the series of P below the mean, the continued fraction of Q above it. */
function upperGamma(a: number, x: number): number {
  const front = Math.exp(a * Math.log(x) - x - logGamma(a))
  if (x < a + 1) {
    let term = 1 / a
    let sum = term
    for (let n = 1; n < 10_000 && term > sum * 1e-15; n += 1) {
      term *= x / (a + n)
      sum += term
    }
    return 1 - front * sum
  }
  // Evaluated from the far end; 500 steps are far more than these sizes need.
  let tail = 0
  for (let n = 500; n >= 1; n -= 1) tail = (n * (n - a)) / (x + 2 * n + 1 - a - tail)
  return front / (x + 1 - a - tail)
}

export interface ChiSquare {
  readonly statistic: number
  readonly degrees: number
  /** How likely a deviation this large or larger is if the probabilities are right. */
  readonly p: number
  /** Draws where the probability is zero; any is an error whatever `p` says. */
  readonly impossible: number
}

export function chiSquare(counts: ArrayLike<number>, probabilities: ArrayLike<number>): ChiSquare {
  let draws = 0
  for (let i = 0; i < counts.length; i += 1) draws += counts[i] ?? 0
  let [statistic, cells, impossible] = [0, 0, 0]
  let [poolSeen, poolExpected] = [0, 0]
  const add = (seen: number, expected: number) => {
    statistic += (seen - expected) ** 2 / expected
    cells += 1
  }
  for (let i = 0; i < probabilities.length; i += 1) {
    const expected = (probabilities[i] ?? 0) * draws
    const seen = counts[i] ?? 0
    if (expected === 0) impossible += seen
    else if (expected >= EXPECTED_MIN) add(seen, expected)
    else {
      poolSeen += seen
      poolExpected += expected
      if (poolExpected < EXPECTED_MIN) continue
      add(poolSeen, poolExpected)
      poolSeen = 0
      poolExpected = 0
    }
  }
  if (poolExpected > 0) add(poolSeen, poolExpected)
  const degrees = cells - 1
  return { statistic, degrees, p: degrees > 0 ? upperGamma(degrees / 2, statistic / 2) : 1, impossible }
}
