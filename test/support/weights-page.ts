/**
 * The page half: one worker, its calls on `window.weights`, and a file input as a person would use it. Bundled and driven
 * by `test/e2e/weights.test.ts`.
 */
import { askPersistence } from '../../web/weights/persistence.ts'
import type { WeightsCalls } from './weights-worker.ts'

const worker = new Worker('/weights-worker.js', { type: 'module' })
const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
let calls = 0

worker.addEventListener('message', ({ data }: MessageEvent<{ number: number; value: never; error?: string }>) => {
  const caller = waiting.get(data.number)
  waiting.delete(data.number)
  if (data.error !== undefined) caller?.reject(new Error(data.error))
  else caller?.resolve(data.value)
})

function call<K extends keyof WeightsCalls>(
  name: K,
  ...args: Parameters<WeightsCalls[K]>
): Promise<Awaited<ReturnType<WeightsCalls[K]>>> {
  calls += 1
  const number = calls
  return new Promise((resolve, reject) => {
    waiting.set(number, { resolve, reject })
    worker.postMessage({ number, name, args })
  })
}

/** With a mirror that may know the file, where one is named. */
function openPicked(mirrorUrl?: string) {
  const file = document.querySelector('input')?.files?.[0]
  if (!file) throw new Error('no file was picked')
  return call('open', { kind: 'file', file, ...(mirrorUrl === undefined ? {} : { mirrorUrl }) })
}

const weights = { call, openPicked, askPersistence }
export type WeightsPage = typeof weights
Object.assign(window, { weights })
document.title = 'ready'
