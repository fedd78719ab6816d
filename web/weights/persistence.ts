/**
 * Asks the browser not to evict what is kept. Only a page may ask (workers have no `persist`), and by itself it asks once:
 * browsers answer by their own rules, or with a prompt that must not come twice unless a person wants it.
 */

let asked: Promise<boolean> | null = null

/** True when the browser promised. False is no failure: everything works, but may be evicted. `anew`: a person asks. */
export function askPersistence(anew = false): Promise<boolean> {
  if (anew || asked === null) asked = ask()
  return asked
}

async function ask(): Promise<boolean> {
  if (!('storage' in navigator) || typeof navigator.storage.persist !== 'function') return false
  try {
    return (await navigator.storage.persisted()) || (await navigator.storage.persist())
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException) return false
    throw error
  }
}
