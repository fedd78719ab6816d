/**
 * One tab of the mesh in a page that the product's build and server make: the product's own parts, its calls on
 * `window.mesh`. Driven by `mesh-app.ts`.
 */
import { makeKey } from '../../web/account/device-key.ts'
import { MeshTab } from '../../web/mesh-tab.ts'
import type { ContributionState } from '../../web/schedule/contribution.ts'
import type { ChatEvent } from '../../web/wire/chat.ts'

const NEVER = new AbortController().signal

let signal = 'connecting'
const signals: string[] = []
let contribution: ContributionState = { state: 'off', reason: null }
const events: { readonly atMs: number; readonly kind: string; readonly detail: string }[] = []

const tab = await MeshTab.join({
  baseUrl: new URL('.', location.href).href,
  key: await makeKey(),
  makeStageWorker: () => new Worker(new URL('../../web/engine/worker.ts', import.meta.url), { type: 'module' }),
  makeTicker: () => new Worker(new URL('../../web/mesh/ticker-worker.ts', import.meta.url), { type: 'module' }),
  askPersistence: async () => false,
  relayOnly: () => false,
  onSignal(state) {
    signals.push(JSON.stringify(state))
    signal = state.state === 'away' ? `away: ${state.reason.code} ${state.reason.detail}` : state.state
  },
  onContribution(state) {
    contribution = state
  },
  onRoute(_, event) {
    const detail = event.kind === 'planned' ? JSON.stringify(event.plan.stages) : ''
    const reason = event.kind === 'lost' ? `${event.reason.code} ${event.reason.detail}` : detail
    events.push({ atMs: performance.now(), kind: event.kind, detail: reason })
  },
})

let streamed: { readonly text: string; readonly tokens: number } = { text: '', tokens: 0 }

const mesh = {
  peer: async () => tab.node.peer,
  signal: async () => signal,
  signals: async () => signals,
  contribution: async () => contribution,
  serving: async () => tab.contribution.serving,
  routeEvents: async () => events.splice(0),
  contribute: (id: string, layers: number, layersMax: number) =>
    tab.contribution.start({ kind: 'mirror', id }, { id, layers }, layersMax, () => {}),
  stop: () => tab.contribution.stop(),
  loadHead: (id: string) => tab.chat.load({ kind: 'mirror', id }, () => {}, NEVER),
  streamed: async () => streamed,

  async ask(content: string, maxTokens: number, temperature: number, seed: number) {
    const sampling = { temperature, topK: 40, topP: 0.95, minP: 0, repetitionPenalty: 1.1, seed: BigInt(seed) }
    const request = { messages: [{ role: 'user' as const, content }], sampling, maxTokens, stop: [] }
    const tokens: number[] = []
    let text = ''
    let end: Extract<ChatEvent, { kind: 'end' }> | null = null
    for await (const event of tab.chat.chat(request, NEVER)) {
      if (event.kind === 'text') {
        text += event.text
        tokens.push(...(event.tokens ?? []))
        streamed = { text, tokens: tokens.length }
      }
      if (event.kind === 'end') end = event
    }
    return { text, tokens, end }
  },
}

export type MeshPage = typeof mesh
Object.assign(window, { mesh })
document.title = 'ready'
