/** Of rooms and accounts. */

/** Tabs in one room at once, as each of them is told, and rooms that one tab is in. */
export const ROOM_MEMBERS_MAX = 64
export const ROOMS_JOINED_MAX = 8
/** Tabs that wait to be let into a room, and owners that claim its id; only one of those is right. */
export const ROOM_KNOCKS_MAX = 64
export const ROOM_OWNERS_MAX = 4
export const ROOM_NAME_CHARACTERS_MAX = 40
/** An owner's statement that a key belongs to the room; after that the invite is used again. */
export const MEMBERSHIP_MS = 30 * 24 * 3_600_000
/** Devices that an owner takes out of a room within that time, and whom it remembers to have let in. */
export const ROOM_REMOVED_MAX = 64
export const ROOM_LET_IN_MAX = 256
/** Changes in a room are told together. */
export const ROOM_TELL_MS = 200
/** Keys of one account at once, and changes of it: a device that reads it checks each signature. */
export const ACCOUNT_KEYS_MAX = 16
export const ACCOUNT_STATEMENTS_MAX = 64
/** Accounts that the server remembers, the oldest forgotten first; and those that claim one key, of which one is right. */
export const ACCOUNTS_KEPT_MAX = 10_000
export const ACCOUNT_CLAIMS_MAX = 4
/** A device that waits to be added looks this often whether it was. */
export const ACCOUNT_LOOK_MS = 2_000
/** A peer has so long to show its statement over a new link. */
export const MEMBER_ANSWER_MS_MAX = 5_000
