/** Comparisons of arrays that name the first difference instead of printing both. */

/** Null where both have the same bits: -0 is not 0 here, and NaN equals itself. */
export function bitDifference(a: Float32Array, b: Float32Array): string | null {
  if (a.length !== b.length) return `${a.length} values against ${b.length}`
  const [left, right] = [bitsOf(a), bitsOf(b)]
  const at = left.findIndex((word, i) => word !== right[i])
  return at < 0 ? null : `value ${at}: ${a[at]} against ${b[at]}`
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length)
}

/** Largest difference, as a share of the largest magnitude in `exact`; infinite where a value is not finite. */
export function relativeError(got: ArrayLike<number>, exact: ArrayLike<number>): number {
  let [worst, scale] = [0, 0]
  for (let i = 0; i < exact.length; i += 1) {
    const [a, b] = [got[i] ?? Number.NaN, exact[i] ?? 0]
    if (!Number.isFinite(a)) return Number.POSITIVE_INFINITY
    worst = Math.max(worst, Math.abs(a - b))
    scale = Math.max(scale, Math.abs(b))
  }
  return got.length === exact.length ? worst / (scale || 1) : Number.POSITIVE_INFINITY
}
