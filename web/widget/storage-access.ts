/**
 * The storage that a frame in another site is granted of its own origin: asked for inside a press, or taken where it is silently
 * there. Reads what is granted part by part, for a browser may have some and not the others. Keeps nothing itself.
 */
import { EMBED_STORAGE_MS_MAX } from '../wire/limits/partners.ts'
import type { ConsentShelf } from './kept-consent.ts'

/** Two halves of one storage, of no use without each other. */
export interface GrantedFiles {
  readonly databases: IDBFactory
  getDirectory(): Promise<FileSystemDirectoryHandle>
  estimate(): Promise<StorageEstimate>
}

/** How tabs of one browser meet; of no use without each other. */
export interface GrantedMeeting {
  readonly locks: LockManager
  openChannel(name: string): BroadcastChannel
}

export interface Granted {
  readonly shelf: Storage | null
  readonly files: GrantedFiles | null
  readonly meeting: GrantedMeeting | null
}

/** As far as it is used here: https://privacycg.github.io/storage-access/ and its extension to other storage. */
export interface AskingDocument {
  requestStorageAccess?(wish?: StorageWish): Promise<unknown>
  hasStorageAccess?(): Promise<boolean>
}

/** No cookies: there are none, and a frame that asks for less is granted less. */
const WISH = {
  localStorage: true,
  indexedDB: true,
  getDirectory: true,
  estimate: true,
  locks: true,
  BroadcastChannel: true,
} as const
type StorageWish = typeof WISH

const NOTHING: Granted = { shelf: null, files: null, meeting: null }

export interface AskingParts {
  readonly page: AskingDocument
  /** The browser hands out what it grants. One that does not would open all storage of the frame instead: it is not asked. */
  readonly handsOut: boolean
  /** Of `storage-access`, for this frame in this page. */
  readonly permission: () => Promise<PermissionState>
  readonly wait: (ms: number) => Promise<unknown>
}

export class FrameStorage {
  readonly #parts: AskingParts
  #granted = NOTHING

  constructor(parts: AskingParts) {
    this.#parts = parts
  }

  /** What the newest question has come to. */
  get granted(): Granted {
    return this.#granted
  }

  /** Inside a press. What the frame has without asking, else what it is granted; null where it still has none. */
  async ask(own: ConsentShelf): Promise<ConsentShelf> {
    const asked = await this.#inTime(this.#request())
    if (asked === 'none') return own
    this.#granted = readGrant(asked)
    return own ?? this.#granted.shelf ?? plainShelf()
  }

  /** Never asks the visitor: only where the answer is known already. */
  async recall(own: ConsentShelf): Promise<ConsentShelf> {
    const known = await this.#inTime(this.#isKnown())
    return known === true ? this.ask(own) : own
  }

  async #isKnown(): Promise<boolean> {
    const { page, permission } = this.#parts
    try {
      return (await page.hasStorageAccess?.()) === true || (await permission()) === 'granted'
    } catch {
      return false
    }
  }

  async #request(): Promise<unknown> {
    try {
      const { page, handsOut } = this.#parts
      return handsOut && page.requestStorageAccess ? await page.requestStorageAccess(WISH) : 'none'
    } catch {
      return 'none'
    }
  }

  /** A question that a person lets stand is not waited for. */
  #inTime<T>(asked: Promise<T>): Promise<T | 'none'> {
    return Promise.race([asked, this.#parts.wait(EMBED_STORAGE_MS_MAX).then(() => 'none' as const)])
  }
}

export function browserAsking(): AskingParts {
  return {
    page: document,
    // The handle has no name of its own in a page; this came with it, in one extension.
    handsOut: 'hasUnpartitionedCookieAccess' in document,
    permission: async () => {
      // Not in the list of names that the types know.
      const { state } = await navigator.permissions.query({ name: 'storage-access' as PermissionName })
      return state
    },
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }
}

/** Half of what belongs together is none of it. */
export function readGrant(grant: unknown): Granted {
  if (typeof grant !== 'object' || grant === null) return NOTHING
  const handle = grant as Record<string, unknown>
  const databases = partOf(handle, 'indexedDB')
  const locks = partOf(handle, 'locks')
  const call = (name: string) => callOf(handle, name)
  const [getDirectory, estimate, openChannel] = [call('getDirectory'), call('estimate'), call('BroadcastChannel')]
  return {
    shelf: partOf(handle, 'localStorage') as Storage | null,
    files:
      databases && getDirectory && estimate
        ? {
            databases: databases as IDBFactory,
            getDirectory: getDirectory as GrantedFiles['getDirectory'],
            estimate: estimate as GrantedFiles['estimate'],
          }
        : null,
    meeting:
      locks && openChannel
        ? { locks: locks as LockManager, openChannel: openChannel as GrantedMeeting['openChannel'] }
        : null,
  }
}

function partOf(handle: Record<string, unknown>, name: string): object | null {
  const part = read(handle, name)
  return typeof part === 'object' ? part : null
}

function callOf(handle: Record<string, unknown>, name: string): ((...fields: unknown[]) => unknown) | null {
  const part = read(handle, name)
  return typeof part === 'function' ? (...fields) => part.apply(handle, fields) : null
}

/** What was not granted throws at the first touch. */
function read(handle: Record<string, unknown>, name: string): unknown {
  try {
    return handle[name]
  } catch {
    return null
  }
}

/** Where the browser opens that of the frame instead of handing it out. */
function plainShelf(): ConsentShelf {
  try {
    return localStorage
  } catch {
    return null
  }
}
