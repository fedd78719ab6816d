/**
 * Whether a person is using this tab for themselves: a key press or a touch, until `PERSON_IDLE_MS` without one; or, where
 * they let the browser tell, whether they use the device at all. The screens of the mesh are left out, where they look at
 * what the tab gives. Hears only that something was pressed, never what.
 */
import { DEVICE_IDLE_MS, PERSON_IDLE_MS } from './wire/limits/giving.ts'

const SCREENS = /^#\/(contribute|network)\b/

/** As far as it is used here: https://wicg.github.io/idle-detection/ */
interface IdleDetector extends EventTarget {
  readonly userState: 'active' | 'idle' | null
  start(options: { readonly threshold: number; readonly signal: AbortSignal }): Promise<void>
}
interface IdleDetection {
  new (): IdleDetector
  requestPermission(): Promise<'granted' | 'denied'>
}

function idleDetection(): IdleDetection | null {
  return (globalThis as { readonly IdleDetector?: IdleDetection }).IdleDetector ?? null
}

/** Whether this browser can tell of the whole device. */
export function tellsDeviceActivity(): boolean {
  return idleDetection() !== null
}

/** Only inside a press. */
export async function askDeviceActivity(): Promise<boolean> {
  try {
    return (await idleDetection()?.requestPermission()) === 'granted'
  } catch {
    // No press, or a policy of the page around it: as a no.
    return false
  }
}

/** Calls back after every change. Returns how to stop. */
export function watchActivity(device: boolean, onChange: (active: boolean) => void): () => void {
  const stopped = new AbortController()
  const { signal } = stopped
  const detection = device ? idleDetection() : null
  if (detection) {
    watchDevice(detection, onChange, signal).catch(() => {
      // The permission was taken back: this page is what is left.
      if (!signal.aborted) watchPage(onChange, signal)
    })
  } else watchPage(onChange, signal)
  return () => stopped.abort()
}

async function watchDevice(
  Detection: IdleDetection,
  onChange: (active: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  const detector = new Detection()
  const look = () => onChange(detector.userState === 'active')
  detector.addEventListener('change', look, { signal })
  await detector.start({ threshold: DEVICE_IDLE_MS, signal })
  if (!signal.aborted) look()
}

function watchPage(onChange: (active: boolean) => void, signal: AbortSignal): void {
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
    addEventListener(type, pressed, { signal, capture: true, passive: true })
  }
  signal.addEventListener('abort', () => {
    if (quiet !== null) clearTimeout(quiet)
  })
}
