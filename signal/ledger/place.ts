/** Where a ledger lies: part of the settings, so that it imports nothing. */
export type LedgerPlace =
  | { readonly kind: 'server'; readonly url: string }
  /** Not safe against a power cut: the embedded database never waits for the disk. */
  | { readonly kind: 'folder'; readonly dataDir: string }
  | { readonly kind: 'memory' }
