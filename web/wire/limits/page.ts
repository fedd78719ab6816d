/** Of the page: tabs that share an engine, text that is drawn, the shell and its budgets. */
import { KIB } from './units.ts'

/** Requests that wait for the one engine of a page. More than a person or a sane script has open at once. */
export const ASKS_WAITING_MAX = 16
/** While a tab waits for the tab that holds the engine, it asks this often whether that one is alive. */
export const OWNER_PING_MS = 1_000
/** An owner that has not said a word for so long is frozen or gone, and is stepped over. */
export const OWNER_SILENT_MS_MAX = 5_000
/** Tabs wait up to so long at random before one steps over an owner, so that two rarely do at once. */
export const OWNER_STEAL_JITTER_MS = 500
/** How often one answer goes on at another owner before it ends: owners that die so often have a common cause. */
export const OWNERS_PER_ANSWER_MAX = 8
/** The same for a load or a question: what kills a tab is not handed to every other one. */
export const OWNERS_PER_CALL_MAX = 3
/** Calls of all tabs that one owner keeps at once. */
export const OWNER_CALLS_MAX = 256
/** A page looks at the mirror's list this often, and only while the mirror is fetching a model. */
export const MIRROR_POLL_MS = 1_000
/** After so many unanswered looks in a row the page stops and offers to look again. */
export const MIRROR_POLL_FAILURES_MAX = 30
/** Characters of an answer that are read as Markdown; what follows is drawn as it was written. About 30,000 tokens. */
export const MARKDOWN_CHARACTERS_MAX = 128 * KIB
/** One paragraph, cell or heading: the search for ends of emphasis and links grows with its square. */
export const MARKDOWN_INLINE_CHARACTERS_MAX = 8 * KIB
/** Quotes in lists in quotes, and emphasis in links: deeper ones are text. */
export const MARKDOWN_DEPTH_MAX = 12
/** Columns of a table; a wider one is drawn as it was written. */
export const MARKDOWN_COLUMNS_MAX = 64
/** Text past what is read as Markdown is drawn in pieces of this size, so that a step lays out only the last one. */
export const MARKDOWN_PLAIN_CHARACTERS = 8 * KIB
/** A longer block of code has no colours: reading it would hold up the page for longer than a frame or two. */
export const HIGHLIGHT_CHARACTERS_MAX = 16 * KIB
/** Text that another app hands over by the page's address; browsers cut addresses at about twice this. */
export const SHARED_TEXT_CHARACTERS_MAX = 1_000_000
/** JavaScript that a first visit loads before any engine, compressed. `npm run budgets` and a test hold it. */
export const SHELL_GZIP_BYTES_MAX = 150_000
/** The SDK's one module, compressed. */
export const SDK_GZIP_BYTES_MAX = 20_000
/** A built file up to this is part of the shell, which is kept as a whole; a larger one is an engine's, kept once of use. */
export const SHELL_FILE_BYTES_MAX = 512 * KIB
/** A page whose server does not answer looks for it this often, until it is back. */
export const SERVER_LOOK_MS = 30_000
/** A page that stays open looks for a new version this often, when it comes back into view. */
export const UPDATE_CHECK_MS = 3_600_000
