/** IEEE 754 binary16 to and from numbers, rounding to nearest even. Node 20 has no Float16Array; this is all we need of it. */

const FLOAT = new Float32Array(1)
const BITS = new Uint32Array(FLOAT.buffer)

/** The value of each of the 65,536 bit patterns. */
const VALUES = (() => {
  const values = new Float32Array(65_536)
  for (let half = 0; half < 65_536; half += 1) {
    const sign = half & 0x8000 ? -1 : 1
    const exponent = (half >>> 10) & 31
    const fraction = half & 1023
    if (exponent === 0) values[half] = sign * fraction * 2 ** -24
    else if (exponent === 31) values[half] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
    else values[half] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  }
  return values
})()

export function fromHalf(half: number): number {
  return VALUES[half & 0xffff] ?? Number.NaN
}

/** Magnitudes beyond 65,504 become infinity, as in hardware. */
export function toHalf(value: number): number {
  FLOAT[0] = value
  const bits = BITS[0] ?? 0
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal: the step is 2^-24; adding 0.5 in f32 aligns and rounds to even in hardware.
    FLOAT[0] = Math.abs(value) + 0.5
    return sign | ((BITS[0] ?? 0) - 0x3f000000)
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
}
