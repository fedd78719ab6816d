/**
 * The CPU engine alone in a page that the product's build and server make: its door and its real worker, its calls on
 * `window.cpu`. Driven by `test/e2e/cpu.test.ts`.
 */
import { CpuChat } from '../../web/schedule/cpu-chat.ts'
import type { ChatEvent } from '../../web/wire/chat.ts'

const NEVER = new AbortController().signal

const engine = new CpuChat({
  makeWorker: () => new Worker(new URL('../../web/cpu/worker.ts', import.meta.url), { type: 'module' }),
  baseUrl: new URL('.', location.href).href,
  askPersistence: async () => false,
  now: () => performance.now(),
})

const cpu = {
  isolated: async () => crossOriginIsolated,
  probe: () => engine.probe(),
  inspect: (id: string) => engine.inspect({ kind: 'mirror', id }, NEVER),
  cached: () => engine.cached(),
  load: (id: string) => engine.load({ kind: 'mirror', id }, () => {}, NEVER),
  unload: () => engine.unload(),

  async ask(content: string, maxTokens: number) {
    const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n }
    const request = { messages: [{ role: 'user' as const, content }], sampling, maxTokens, stop: [] }
    let text = ''
    let end: Extract<ChatEvent, { kind: 'end' }> | null = null
    for await (const event of engine.chat(request, NEVER)) {
      if (event.kind === 'text') text += event.text
      if (event.kind === 'end') end = event
    }
    return { text, end }
  },
}

export type CpuPage = typeof cpu
Object.assign(window, { cpu })
document.title = 'ready'
