/** Of the operator: sanctions, announcements and the admin page. */

/** Of what the operator rules: the reason of a sanction and the text of an announcement, in characters. */
export const SANCTION_REASON_CHARACTERS_MAX = 200
export const ANNOUNCEMENT_CHARACTERS_MAX = 280
/** Announcements in force at once; each tab is told of all of them. */
export const ANNOUNCEMENTS_MAX = 4
/** Announcements that one browser remembers to have been put aside; the oldest goes. */
export const ANNOUNCEMENTS_ASIDE_MAX = 32
/** Rows of one answer to the operator. */
export const OPERATOR_ROWS_MAX = 100
/** Characters that the operator looks for. */
export const OPERATOR_SEARCH_CHARACTERS_MAX = 120
/** How often the operator's page looks at the figures that it shows. */
export const OPERATOR_LOOK_MS = 5_000
