/** Where a page of Weft keeps its `App`, so that the SDK finds it: scripts of one page need no bundle in common. */
export const APP_SLOT = Symbol.for('weft.app')
