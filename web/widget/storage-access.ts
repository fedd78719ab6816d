/**
 * Asks the browser for the storage that a frame in another site may be refused; only inside a press. Says what came of it and
 * keeps nothing itself.
 */
import type { ConsentShelf } from './kept-consent.ts'

/** As far as it is used here: https://privacycg.github.io/storage-access/ and its extension to other storage. */
interface AskingDocument {
  requestStorageAccess?(wish?: { readonly all: true }): Promise<unknown>
}

/** What the frame has without asking, else what it is granted; null where it still has none. */
export async function askStorage(own: ConsentShelf, page: AskingDocument = document): Promise<ConsentShelf> {
  const granted = await askAll(page)
  if (own !== null) return own
  try {
    return shelfOf(granted) ?? localStorage
  } catch {
    return null
  }
}

/** A browser that knows only the plain question takes no wish and answers that. */
async function askAll(page: AskingDocument): Promise<unknown> {
  try {
    return await page.requestStorageAccess?.({ all: true })
  } catch {
    return null
  }
}

/** Where the browser hands the storage out, instead of opening that of the frame. */
function shelfOf(granted: unknown): Storage | null {
  const given =
    typeof granted === 'object' && granted !== null && 'localStorage' in granted ? granted.localStorage : null
  return given instanceof Storage ? given : null
}
