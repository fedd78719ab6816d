/** Sentences of rooms. Pure; no state, no markup. */
import type { MeshView, RoomView } from '../../app-mesh-view.ts'
import type { PublicKeyText } from '../../wire/device-keys.ts'

/** What people compare to know whose device it is: the start of its key. */
export function deviceCode(key: PublicKeyText): string {
  const letters = (key.split(':')[1] ?? '').replace(/[^A-Za-z0-9]/g, '')
  return `${letters.slice(1, 5)}-${letters.slice(5, 9)}`
}

export function deviceCodeOf(peer: string): string {
  return deviceCode(peer.split('/')[0] ?? '')
}

export function nameOfRoom({ name, id }: Pick<RoomView, 'name' | 'id'>): string {
  return name === '' ? `Room ${id.slice(0, 4)}` : name
}

/** Of the room that this browser works in; null for anyone. */
export function nameOfChosenRoom({ settings, rooms }: Pick<MeshView, 'settings' | 'rooms'>): string | null {
  if (settings.room === null) return null
  return nameOfRoom(rooms.find(({ id }) => id === settings.room) ?? { id: settings.room, name: '' })
}

/** Null where a screen reader hears nothing new. */
export function sayRooms(before: readonly RoomView[], after: readonly RoomView[]): string | null {
  for (const room of after) {
    const was = before.find(({ id }) => id === room.id)
    const name = nameOfRoom(room)
    if (room.knocking.length > (was?.knocking.length ?? 0)) return `Somebody asks to join ${name}.`
    if (was && was.state !== room.state) {
      if (room.state === 'in') return `You are in ${name}.`
      if (room.state === 'removed') return `The owner of ${name} has taken this browser out.`
      if (room.state === 'declined') return `The owner of ${name} declined.`
    }
  }
  return null
}
