/**
 * What this browser tells of itself, as far as the words of the widget promise something of it. Reads; decides nothing.
 */
export interface Means {
  /** What covers or fades a part of the frame. */
  readonly covers: boolean
  readonly battery: boolean
  /** Its person asks sites to save data. */
  readonly saves: boolean
}

/** Of a `Navigator`: not every browser has these. */
interface Told {
  readonly getBattery?: unknown
  readonly connection?: { readonly saveData?: boolean }
}

/** `covers`: as `Sight` found. */
export function meansOf(told: object, covers: boolean): Means {
  const { getBattery, connection }: Told = told
  return { covers, battery: getBattery !== undefined, saves: connection?.saveData === true }
}
