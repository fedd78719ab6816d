/**
 * The keys that work everywhere on the page, in one place: what they do and how they are named to a person. Enter,
 * Shift+Enter and Escape belong to the composer and the page.
 */
export type Shortcut = 'new' | 'search'

const APPLE = /Mac|iPhone|iPad/.test(navigator.platform)
const COMMAND = APPLE ? '⌘' : 'Ctrl'

export const SHORTCUTS: readonly { readonly keys: readonly string[]; readonly does: string }[] = [
  { keys: ['Enter'], does: 'Send the message' },
  { keys: ['Shift', 'Enter'], does: 'New line' },
  { keys: ['Esc'], does: 'Stop the answer, close what lies over the page' },
  { keys: [COMMAND, 'Shift', 'O'], does: 'New chat' },
  { keys: [COMMAND, 'K'], does: 'Search conversations' },
]

export function shortcutOf({ key, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): Shortcut | null {
  if ((APPLE ? !metaKey : !ctrlKey) || altKey) return null
  const letter = key.toLowerCase()
  if (letter === 'k' && !shiftKey) return 'search'
  return letter === 'o' && shiftKey ? 'new' : null
}
