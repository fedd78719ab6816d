/**
 * What a page of another site asks of the chat that stands in its frame; Weft's own page asks nothing. Words and draws nothing.
 */
export interface ChatHost {
  /** As `Router`. */
  readonly follows: boolean
  /** Whether anything may be asked now, beside what the scope leaves open. */
  readonly permits: () => boolean
  /** Awaited before anything is asked. */
  readonly cleared: () => Promise<boolean>
}

export const OWN_PAGE: ChatHost = { follows: true, permits: () => true, cleared: async () => true }
