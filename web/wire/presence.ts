/** What a peer says of itself while it is there. Types; parsing comes with the events that carry them. */

/** Layers `[first, last)`. */
export interface LayerSpan {
  readonly first: number
  readonly last: number
}
