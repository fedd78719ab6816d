/**
 * `Storages` of a frame that was granted Weft's own: models where Weft keeps them, and engines of its tabs as a guest. What was not
 * granted is the frame's own. Fetched only where something was granted.
 */
import type { ModelRunner } from './schedule/engine-door.ts'
import { GuestRunner } from './schedule/guest-runner.ts'
import { TABS_CHANNEL } from './schedule/tab-wire.ts'
import type { Storages } from './storages.ts'
import { openGrantedPlace } from './weights/granted-place.ts'
import type { Granted, GrantedFiles, GrantedMeeting } from './widget/storage-access.ts'

export interface FrameStorages {
  readonly storages: Storages
  /** Models are those of Weft itself in this browser. */
  readonly sharesModels: boolean
}

export async function grantedStorages(
  { files, meeting }: Pick<Granted, 'files' | 'meeting'>,
  own: Storages,
): Promise<FrameStorages> {
  const handOver = files && (await openGrantedPlace(files))
  const share: Storages['share'] = (engines) => visit(own.share(engines), meeting)
  if (!files || !handOver) return { storages: { ...own, share }, sharesModels: false }
  const storages: Storages = {
    // Locks of the frame's own would keep no tab of Weft from writing the same file.
    locks: meeting?.locks ?? null,
    channel: (name) => channelOf(meeting, name),
    place(worker) {
      handOver(worker)
      return worker
    },
    share,
    facts: () => factsOf(files),
  }
  return { storages, sharesModels: true }
}

function visit(home: ModelRunner, meeting: GrantedMeeting | null): ModelRunner {
  const channel = channelOf(meeting, TABS_CHANNEL)
  if (!meeting || !channel) return home
  return new GuestRunner({ home, locks: meeting.locks, channel, tab: crypto.randomUUID() })
}

/** A handle may have the call and refuse it. */
function channelOf(meeting: GrantedMeeting | null, name: string): BroadcastChannel | null {
  try {
    return meeting?.openChannel(name) ?? null
  } catch {
    return null
  }
}

async function factsOf({ estimate }: GrantedFiles) {
  const { usage, quota } = await estimate()
  return { usedBytes: usage ?? null, quotaBytes: quota ?? null, persisted: null }
}
