/** What is read of a link to another tab: its bytes, and what a person is shown of it. Keeps none. */
import type { MeshView } from './app-mesh-view.ts'
import type { JoinedMesh } from './mesh-door.ts'
import type { LinkCount } from './mesh-meter.ts'

type MeshLink = JoinedMesh['node']['links'][number]

export function countOf({ peer, stats: { control, tensors } }: MeshLink): LinkCount {
  const sentBytes = control.sentBytes + tensors.sentBytes
  return { peer, sentBytes, receivedBytes: control.receivedBytes + tensors.receivedBytes }
}

export async function linkView(link: MeshLink): Promise<MeshView['links'][number]> {
  const path = await link.path()
  return { peer: link.peer, relayed: path?.relayed ?? null, roundTripMs: path?.roundTripMs ?? null }
}
