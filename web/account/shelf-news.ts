/**
 * Tells other tabs of this browser that what is kept has changed; they read it again. Carries no content. A tab does not hear
 * itself.
 */
export interface ShelfNews {
  tell(): void
  /** Returns how to stop. */
  hear(listener: () => void): () => void
}

/** Where the browser has no such channel, tabs learn of each other's changes when they are opened anew. */
export function shelfNews(name: string): ShelfNews {
  const listeners = new Set<() => void>()
  const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel(name) : null
  channel?.addEventListener('message', () => {
    for (const listener of [...listeners]) listener()
  })
  return {
    tell: () => channel?.postMessage(null),
    hear(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
