/**
 * The app's own life in a browser: registers the service worker, learns of a new version and starts it when told to.
 * Never reloads by itself, and knows nothing of answers: `App` decides when it may. Loaded after the page, so that the
 * first paint pays nothing for it.
 */
import type { EngineName } from './wire/chat.ts'
import { UPDATE_CHECK_MS } from './wire/limits/page.ts'
import { SCRIPT_LOCK, type ShellMessage } from './wire/shell.ts'

/** `ready`: a newer version than this page is in the browser, and `apply` starts it. */
export type UpdateState = 'none' | 'ready'

export class Updates {
  #state: UpdateState = 'none'
  #registration: ServiceWorkerRegistration | null = null
  #checkedMs = 0
  readonly #listeners = new Set<() => void>()
  /** Asked for before there was a service worker to tell. */
  readonly #engines = new Set<EngineName>()

  get state(): UpdateState {
    return this.#state
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** `script` is the path of the page's main script. Where the browser refuses any of this, the app is an ordinary page. */
  start(script: string): void {
    if (!('serviceWorker' in navigator) || !('locks' in navigator)) return
    const forever = () => new Promise<void>(() => {})
    navigator.locks.request(SCRIPT_LOCK + script, { mode: 'shared' }, forever).catch(() => {})
    const register = () => void this.#register().catch(() => {})
    if (document.readyState === 'complete') register()
    else window.addEventListener('load', register, { once: true })
  }

  /** Keeps the large files of an engine for a start without the network. Idempotent. */
  keepEngine(engine: EngineName): void {
    if (this.#engines.has(engine)) return
    this.#engines.add(engine)
    this.#tell({ kind: 'keep', engine })
  }

  /**
   * Starts the new version in this tab, which ends this page; other tabs go on as they are. Call it when nothing runs.
   * Never resolves: the page is left.
   */
  async apply(): Promise<never> {
    // Asked anew: this page may have been told before its own registration had come.
    const waiting = (await navigator.serviceWorker.getRegistration())?.waiting
    if (waiting) {
      const over = new Promise<void>((resolve) => {
        waiting.addEventListener('statechange', () => waiting.state !== 'activating' && resolve())
      })
      waiting.postMessage({ kind: 'take-over' } satisfies ShellMessage)
      await over
    }
    location.reload()
    return new Promise<never>(() => {})
  }

  async #register(): Promise<void> {
    const { Workbox } = await import('workbox-window')
    const workbox = new Workbox('/sw.js')
    workbox.addEventListener('waiting', () => this.#ready())
    // Another tab has started it; the first service worker of a first visit is neither.
    workbox.addEventListener('controlling', (event) => {
      if (event.isUpdate || event.isExternal) this.#ready()
    })
    this.#registration = (await workbox.register({ immediate: true })) ?? null
    this.#checkedMs = performance.now()
    document.addEventListener('visibilitychange', () => this.#check())
    await navigator.serviceWorker.ready
    this.#tell({ kind: 'up' })
    for (const engine of this.#engines) this.#tell({ kind: 'keep', engine })
  }

  /** Browsers look at each start; a page that is never closed has to ask. */
  #check(): void {
    if (document.visibilityState !== 'visible' || performance.now() - this.#checkedMs < UPDATE_CHECK_MS) return
    this.#checkedMs = performance.now()
    // No network: the next look will do.
    this.#registration?.update().catch(() => {})
  }

  #tell(message: ShellMessage): void {
    this.#registration?.active?.postMessage(message)
  }

  #ready(): void {
    this.#state = 'ready'
    for (const listener of this.#listeners) listener()
  }
}
