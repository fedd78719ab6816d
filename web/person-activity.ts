/**
 * Whether a person is using this tab for themselves: a key press or a touch, until `PERSON_IDLE_MS` without one. The screens
 * of the mesh are left out, where they look at what the tab gives. Hears only that something was pressed, never what.
 */
import { PERSON_IDLE_MS } from './wire/limits.ts'

const SCREENS = /^#\/(contribute|network)\b/

/** Calls back after every change. Returns how to stop. */
export function watchActivity(onChange: (active: boolean) => void): () => void {
  const stopped = new AbortController()
  let quiet: ReturnType<typeof setTimeout> | null = null
  const rest = () => {
    quiet = null
    onChange(false)
  }
  const pressed = () => {
    if (SCREENS.test(location.hash)) return
    if (quiet === null) onChange(true)
    else clearTimeout(quiet)
    quiet = setTimeout(rest, PERSON_IDLE_MS)
  }
  for (const type of ['keydown', 'pointerdown'] as const) {
    addEventListener(type, pressed, { signal: stopped.signal, capture: true, passive: true })
  }
  return () => {
    stopped.abort()
    if (quiet !== null) clearTimeout(quiet)
  }
}
