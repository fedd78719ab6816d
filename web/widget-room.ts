/**
 * The composition of a frame's chat, fetched once its visitor has agreed: the app's own parts within what the key allows. What is
 * said is kept nowhere. Decides nothing else.
 */
import { App } from './app.ts'
import { DEFAULT_SETTINGS } from './app-conversations-view.ts'
import type { Catalogue } from './app-shelf.ts'
import { browserParts, browserShelf } from './compose.ts'
import type { FrameStorages } from './granted-storages.ts'
import type { MeshParts } from './mesh-door.ts'
import { ownStorages } from './storages.ts'
import { PreferenceStore } from './store/preferences.ts'
import type { RoomSight, RoomWish } from './widget/room-wish.ts'
import type { Granted } from './widget/storage-access.ts'
import { WidgetRoom } from './widget/widget-room.svelte.ts'
import { GIVING_BATTERY_MIN } from './wire/limits/partners.ts'
import { pairAddress } from './wire/pairings.ts'
import { ok } from './wire/result.ts'

export interface OpenRoomWish extends RoomWish, RoomSight, Pick<MeshParts, 'watchVisible'> {
  readonly baseUrl: string
  readonly key: string
  readonly granted: Granted
}

export async function openRoom({ baseUrl, key, watchVisible, granted, ...wish }: OpenRoomWish): Promise<WidgetRoom> {
  const { partner } = wish
  const { storages, sharesModels } = await storagesOf(granted)
  const {
    prebuilt: _,
    catalogue,
    mesh,
    ...parts
  } = browserParts({
    baseUrl,
    shelf: browserShelf(),
    visitor: { key, onRefused: wish.onRefused },
    storages,
  })
  // What the person has set in Weft itself, and agreed to there, says nothing of this site.
  const preferences = new PreferenceStore(null)
  const consent = partner.scope !== 'own' && partner.state === 'open'
  preferences.set({
    settings: { ...DEFAULT_SETTINGS, system: partner.system },
    mesh: { ...preferences.value.mesh, consent, onlyWhileVisible: true, batteryMin: GIVING_BATTERY_MIN },
  })
  const app = new App({
    ...parts,
    catalogue: listed(catalogue, partner.models),
    mesh: { ...mesh, watchVisible },
    preferences,
    othersFirst: true,
  })
  return new WidgetRoom(app, wish, {
    sharesModels,
    addressOf: (code) => baseUrl + pairAddress(code, key),
    // Without an opener it is a window of its own; whether one opened is not told.
    open: (address) => void window.open(address, '_blank', 'noopener'),
    async answerCall(room, port, end) {
      const { answerPageCall } = await import('./widget-calls.ts')
      return answerPageCall(room, port, end)
    },
  })
}

async function storagesOf(granted: Granted): Promise<FrameStorages> {
  const own = ownStorages()
  if (!granted.files && !granted.meeting) return { storages: own, sharesModels: false }
  const { grantedStorages } = await import('./granted-storages.ts')
  return grantedStorages(granted, own)
}

/** The models that the key names; all, where it names none. */
function listed(catalogue: Catalogue, models: readonly string[]): Catalogue {
  if (models.length === 0) return catalogue
  return {
    config: (signal) => catalogue.config(signal),
    async index(signal) {
      const index = await catalogue.index(signal)
      if (!index.ok) return index
      const named = index.value.models.filter(({ id }) => models.includes(id))
      const { defaultId } = index.value
      const first = named.some(({ id }) => id === defaultId) ? defaultId : (named[0]?.id ?? null)
      return ok({ ...index.value, models: named, defaultId: first })
    },
  }
}
