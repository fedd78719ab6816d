/**
 * What an answer over other tabs tells of its route, as events of the answer: who computes which layers, over which kind of
 * link, and that layers have moved. One for each answer. Decides nothing and keeps no link.
 */
import type { RouteView } from './app-mesh-view.ts'
import type { JoinedMesh } from './mesh-door.ts'
import type { AnsweredStage, ChatEvent } from './wire/chat.ts'
import type { ModelSummary } from './wire/model.ts'
import { shortPeer } from './wire/peers.ts'

export class RouteTeller {
  readonly #model: Pick<ModelSummary, 'id' | 'name'>
  readonly #links: () => JoinedMesh['node']['links']
  #told = ''
  #moves = 0

  constructor(model: Pick<ModelSummary, 'id' | 'name'>, links: () => JoinedMesh['node']['links']) {
    this.#model = model
    this.#links = links
  }

  /** What has changed since it was asked last. */
  async *changes(route: RouteView | undefined): AsyncGenerator<ChatEvent, void, undefined> {
    if (!route) return
    const who = route.stages.map(({ peer }) => peer).join()
    if (who !== this.#told) {
      this.#told = who
      const stages = await this.#stagesOf(route)
      const { id: modelId, name: model } = this.#model
      yield { kind: 'answerer', engine: 'stage', adapter: 'other tabs', modelId, model, stages }
    }
    // A place that nobody has taken yet has not moved.
    const moves = route.stages.reduce((sum, { lost, state }) => sum + lost.length - (state === 'lost' ? 1 : 0), 0)
    for (; this.#moves < moves; this.#moves += 1) yield { kind: 'notice', code: 'stage-moved', detail: '' }
  }

  async #stagesOf({ stages }: RouteView): Promise<readonly AnsweredStage[]> {
    const links = this.#links()
    return Promise.all(
      stages.map(async ({ span, peer }): Promise<AnsweredStage> => {
        const path = await links.find((link) => link.peer === peer)?.path()
        return { span, peer: shortPeer(peer), relayed: path?.relayed ?? null }
      }),
    )
  }
}
