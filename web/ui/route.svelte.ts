/**
 * Which screen the address names: `#/c/<id>` a conversation, `#/contribute` and its like, else a new chat. Reads and writes
 * the part after `#`, which no server sees. What lets somebody in (`#/join/...`, `#/enrol/...`, `#/contribute/...`) is taken out of the
 * address at once.
 */
export type Route =
  | { readonly screen: 'chat'; readonly conversationId: string | null }
  | { readonly screen: 'contribute' | 'network' | 'rooms' | 'credits' | 'models' | 'tools' | 'settings' }

export const SCREEN_NAMES = {
  chat: 'Chat',
  contribute: 'Contribute',
  network: 'Network',
  rooms: 'Rooms',
  credits: 'Credits',
  models: 'Models',
  tools: 'Tools',
  settings: 'Settings',
} as const satisfies Record<Route['screen'], string>

const SCREENS = ['contribute', 'network', 'rooms', 'credits', 'models', 'tools', 'settings'] as const

function parseRoute(hash: string): Route {
  const [, first, second] = hash.replace(/^#/, '').split('/')
  const screen = SCREENS.find((name) => name === first)
  if (screen) return { screen }
  if (first === 'join') return { screen: 'rooms' }
  if (first === 'enrol') return { screen: 'settings' }
  try {
    return { screen: 'chat', conversationId: first === 'c' && second ? decodeURIComponent(second) : null }
  } catch {
    return { screen: 'chat', conversationId: null }
  }
}

function hashOf(route: Route): string {
  if (route.screen !== 'chat') return `#/${route.screen}`
  return route.conversationId === null ? '#/' : `#/c/${encodeURIComponent(route.conversationId)}`
}

export class Router {
  #route = $state.raw<Route>({ screen: 'chat', conversationId: null })
  #invite = $state.raw<string | null>(null)
  #device = $state.raw<string | null>(null)
  #code = $state.raw<string | null>(null)
  readonly #onRoute: (route: Route) => void
  readonly #closed = new AbortController()

  /**
   * `onRoute`: the address was changed by the person (a link, back, forward), not by this page. `follows`: not in a frame of another
   * page, which may change the frame's address as it likes.
   */
  constructor(onRoute: (route: Route) => void, follows = true) {
    this.#onRoute = onRoute
    if (!follows) return
    this.#route = parseRoute(location.hash)
    this.#takeInvite()
    const hear = () => {
      if (location.hash === hashOf(this.#route)) return
      this.#route = parseRoute(location.hash)
      this.#takeInvite()
      this.#onRoute(this.#route)
    }
    window.addEventListener('hashchange', hear, { signal: this.#closed.signal })
  }

  /** Follows the address no longer. */
  close(): void {
    this.#closed.abort()
  }

  get route(): Route {
    return this.#route
  }

  /** Of a room, as the address brought it; null once it was answered. */
  get invite(): string | null {
    return this.#invite
  }

  dropInvite(): void {
    this.#invite = null
  }

  /** A device that asks to be added, as the address brought it; null once it was answered. */
  get device(): string | null {
    return this.#device
  }

  dropDevice(): void {
    this.#device = null
  }

  /** Of a pairing, as the address brought it; null once it was taken over. */
  get code(): string | null {
    return this.#code
  }

  dropCode(): void {
    this.#code = null
  }

  /** A step that Back undoes. */
  go(route: Route): void {
    this.#route = route
    // Back in the page around a frame is that page's own.
    if (window !== window.parent) this.rename(route)
    else if (location.hash !== hashOf(route)) history.pushState(null, '', hashOf(route))
  }

  /** The same place under its right name. */
  rename(route: Route): void {
    this.#route = route
    history.replaceState(null, '', hashOf(route))
  }

  /** What lets somebody in does not stay where others can read it. */
  #takeInvite(): void {
    const { hash } = location
    if (hash.startsWith('#/join')) this.#invite = hash
    else if (hash.startsWith('#/enrol')) this.#device = hash
    else if (hash.startsWith('#/contribute/')) this.#code = hash
    else return
    history.replaceState(null, '', hashOf(this.#route))
  }
}
