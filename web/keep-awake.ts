/**
 * Keeps a hidden tab from being slowed down, as long as it gives and its person wants that: by a small window that stays in
 * sight, where the browser has one and a press allows it, else by a tone too low and too quiet to be heard. Keeps the screen
 * on where that is wanted. Ends without a trace; decides nothing.
 */
import type { AwakeWish } from './mesh-door.ts'

/** As far as it is used here: https://wicg.github.io/document-picture-in-picture/ */
interface PictureWindows {
  requestWindow(options: { readonly width: number; readonly height: number }): Promise<Window>
}

const SIZE = { width: 280, height: 112 }
/** Below what loudspeakers play, and 54 dB below full: but not silence, which a browser does not count as sound. */
const TONE = { hertz: 30, gain: 0.002 }

function pictureWindows(): PictureWindows | null {
  return (globalThis as { readonly documentPictureInPicture?: PictureWindows }).documentPictureInPicture ?? null
}

export function hasAwakeWindow(): boolean {
  return pictureWindows() !== null
}

export function keepAwake({ tab, screen, onChange, onClosed }: AwakeWish): () => void {
  const stopped = new AbortController()
  const { signal } = stopped
  if (screen) keepScreenOn(signal)
  if (tab) {
    void openWindow(signal, onClosed).then((opened) => {
      if (signal.aborted) return
      if (opened) onChange('window')
      else playTone(signal, (plays) => onChange(plays ? 'sound' : 'none'))
    })
  }
  return () => stopped.abort()
}

/** False where the browser has none, or nobody has pressed anything just now. */
async function openWindow(signal: AbortSignal, onClosed: () => void): Promise<boolean> {
  const pictures = pictureWindows()
  if (!pictures || !navigator.userActivation?.isActive) return false
  try {
    const small = await pictures.requestWindow(SIZE)
    const close = () => small.close()
    if (signal.aborted) close()
    signal.addEventListener('abort', close)
    small.addEventListener('pagehide', () => {
      if (!signal.aborted) onClosed()
    })
    draw(small.document)
    return true
  } catch {
    return false
  }
}

/** In the page's own colours; a closed window is a no. */
function draw(page: Document): void {
  page.title = 'Weft'
  page.documentElement.lang = document.documentElement.lang
  page.documentElement.className = document.documentElement.className
  for (const { href } of document.querySelectorAll<HTMLLinkElement>('link[rel=stylesheet]')) {
    const link = page.createElement('link')
    link.rel = 'stylesheet'
    link.href = href
    page.head.append(link)
  }
  const words = page.createElement('p')
  words.textContent = 'Weft is contributing. Close this window to let the browser slow it down.'
  page.body.append(words)
}

/** Where nobody has pressed anything yet the browser begins it with the first press. */
function playTone(signal: AbortSignal, onChange: (plays: boolean) => void): void {
  let sound: AudioContext
  try {
    sound = new AudioContext()
  } catch {
    // As many as this browser allows are open.
    onChange(false)
    return
  }
  const tell = () => onChange(sound.state === 'running')
  sound.addEventListener('statechange', tell, { signal })
  const gain = new GainNode(sound, { gain: TONE.gain })
  const tone = new OscillatorNode(sound, { frequency: TONE.hertz })
  tone.connect(gain).connect(sound.destination)
  tone.start()
  signal.addEventListener('abort', () => void sound.close())
  tell()
}

/** The browser lets it go whenever the tab is hidden. */
function keepScreenOn(signal: AbortSignal): void {
  if (!('wakeLock' in navigator)) return
  let lock: WakeLockSentinel | null = null
  const take = async () => {
    if (document.visibilityState !== 'visible') return
    // Refused on a nearly empty battery: then the screen goes off as always.
    lock = await navigator.wakeLock.request('screen').catch(() => null)
    if (signal.aborted) void lock?.release()
  }
  document.addEventListener('visibilitychange', () => void take(), { signal })
  signal.addEventListener('abort', () => void lock?.release())
  void take()
}
