/** What a frame makes of a grant, whole and in part, when it asks and when it may not, and where its models lie then. */
import { describe, expect, it } from 'vitest'
import { grantedStorages } from '../../../web/granted-storages.ts'
import type { ModelRunner } from '../../../web/schedule/engine-door.ts'
import type { Storages } from '../../../web/storages.ts'
import { type AskingDocument, FrameStorage, readGrant } from '../../../web/widget/storage-access.ts'

const denied = () => new DOMException('Not requested.', 'SecurityError')

/** As a browser hands it out: what was not granted throws at the first touch. */
function handle(parts: Readonly<Record<string, unknown>>): object {
  const all = ['localStorage', 'indexedDB', 'locks', 'getDirectory', 'estimate', 'BroadcastChannel']
  const made = {}
  for (const name of all)
    Object.defineProperty(made, name, {
      get() {
        if (!(name in parts)) throw denied()
        return parts[name]
      },
    })
  return made
}

const folder = { name: 'granted' }
const files = {
  indexedDB: {},
  getDirectory: async () => folder,
  estimate: async () => ({ usage: 1, quota: 2 }),
}
const meeting = { locks: {}, BroadcastChannel: (name: string) => ({ name }) }

describe('a grant', () => {
  it.each([
    ['of all', { ...files, ...meeting, localStorage: {} }, [true, true, true]],
    ['of nothing', {}, [false, false, false]],
    [
      'of files without their database',
      { getDirectory: files.getDirectory, estimate: files.estimate },
      [false, false, false],
    ],
    ['of a database without its files', { indexedDB: {}, estimate: files.estimate }, [false, false, false]],
    ['of files alone', files, [false, true, false]],
    ['of locks without channels', { ...files, locks: {} }, [false, true, false]],
    ['of locks and channels', meeting, [false, false, true]],
  ])('%s is used as far as it goes together', (_, parts, [shelf, models, tabs]) => {
    const granted = readGrant(handle(parts))
    expect([granted.shelf, granted.files, granted.meeting].map((part) => part !== null)).toEqual([shelf, models, tabs])
  })

  it.each([undefined, null, true, 'granted'])('that is no handle (%s) is none', (grant) => {
    expect(readGrant(grant)).toEqual({ shelf: null, files: null, meeting: null })
  })

  it('is asked on the handle itself', async () => {
    const made = {
      name: 'handle',
      getDirectory(this: { name: string }) {
        return this.name
      },
      estimate: files.estimate,
      indexedDB: {},
    }
    expect(readGrant(made).files?.getDirectory()).toBe('handle')
  })
})

function asking(page: AskingDocument, state: PermissionState = 'prompt', handsOut = true) {
  let late = () => {}
  const wait = () => new Promise<void>((resolve) => (late = resolve))
  return { storage: new FrameStorage({ page, handsOut, permission: async () => state, wait }), late: () => late() }
}

describe('asking', () => {
  const kept = handle({ ...files, localStorage: { kept: true } })
  const own = { getItem: () => null, setItem: () => {} }

  it('leaves the choice where it is, and takes what is granted for the rest', async () => {
    const wishes: unknown[] = []
    const { storage } = asking({
      async requestStorageAccess(wish) {
        wishes.push(wish)
        return kept
      },
    })
    expect(await storage.ask(own)).toBe(own)
    expect(storage.granted.files).not.toBeNull()
    expect(await storage.ask(null)).toEqual({ kept: true })
    expect(wishes[0]).not.toHaveProperty('all')
    expect(wishes[0]).not.toHaveProperty('cookies')
  })

  it('has nothing where it is refused, not known, or never answered', async () => {
    const refused = asking({ requestStorageAccess: () => Promise.reject(new DOMException('', 'NotAllowedError')) })
    expect(await refused.storage.ask(null)).toBeNull()
    expect(await asking({}).storage.ask(own)).toBe(own)
    const open = asking({ requestStorageAccess: () => new Promise(() => {}) })
    const answer = open.storage.ask(own)
    await Promise.resolve()
    open.late()
    expect(await answer).toBe(own)
    for (const { storage } of [refused, open]) expect(storage.granted.files).toBeNull()
  })

  it.each([
    ['it has it already', true, 'prompt', true],
    ['the visitor has said yes before', false, 'granted', true],
    ['nobody was asked', false, 'prompt', false],
    ['the visitor has said no', false, 'denied', false],
  ] as const)('without a press happens only where %s', async (_, has, state, asks) => {
    let asked = 0
    const page: AskingDocument = {
      hasStorageAccess: async () => has,
      async requestStorageAccess() {
        asked += 1
        return kept
      },
    }
    const { storage } = asking(page, state)
    expect(await storage.recall(null)).toEqual(asks ? { kept: true } : null)
    expect(asked).toBe(asks ? 1 : 0)
    expect(storage.granted.files !== null).toBe(asks)
  })

  it('does not happen where the browser would open all storage of the frame instead', async () => {
    let asked = 0
    const page = {
      requestStorageAccess: async () => {
        asked += 1
      },
    }
    const { storage } = asking(page, 'granted', false)
    expect(await storage.ask(own)).toBe(own)
    expect(await storage.recall(null)).toBeNull()
    expect([asked, storage.granted.files]).toEqual([0, null])
  })

  it('without a press does not happen in a browser that does not know the permission', async () => {
    const page = { requestStorageAccess: async () => kept }
    const permission = () => Promise.reject(new TypeError('unknown'))
    const storage = new FrameStorage({ page, handsOut: true, permission, wait: () => new Promise(() => {}) })
    expect(await storage.recall(own)).toBe(own)
    expect(storage.granted.files).toBeNull()
  })
})

describe('the place of the models', () => {
  const worker = {} as Worker
  const own: Storages = {
    locks: { request: () => Promise.reject(denied()) } as unknown as LockManager,
    channel: () => null,
    place: (made) => made,
    facts: async () => ({ usedBytes: null, quotaBytes: null, persisted: null }),
    share: (engines) => engines,
  }

  it.each([
    [
      'the database',
      {
        indexedDB: {
          open: () => {
            throw denied()
          },
        },
      },
    ],
    [
      'the folder',
      {
        getDirectory: () => Promise.reject(denied()),
        indexedDB: {
          open: () => {
            throw denied()
          },
        },
      },
    ],
  ])('is the frame’s own, both halves of it, where %s is refused after all', async (_, broken) => {
    const granted = readGrant(handle({ ...files, ...broken }))
    const { storages, sharesModels } = await grantedStorages(granted, own)
    expect(sharesModels).toBe(false)
    expect(storages.place(worker)).toBe(worker)
    expect(storages.locks).toBe(own.locks)
  })

  it('is the frame’s own where only locks and channels are granted, which refuse after all', async () => {
    const refusing = {
      locks: {},
      BroadcastChannel: () => {
        throw denied()
      },
    }
    const { storages, sharesModels } = await grantedStorages(readGrant(handle(refusing)), own)
    const engines = { name: 'engines' } as unknown as ModelRunner
    expect([sharesModels, storages.share(engines)]).toEqual([false, engines])
  })
})
