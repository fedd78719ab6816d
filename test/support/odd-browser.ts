/**
 * A browser that is short of something, for the CPU engine's worker, named by the worker's name: `small-memory` gives WASM
 * 128 MiB, `no-wasm64` has no 64-bit memory, `no-storage` refuses storage, `abort` and `trap` make llama.cpp die at its
 * first token by its own means for tests. All else is the real thing.
 */
import { Wllama } from '@wllama/wllama/esm/index.js'

/** Runs in the nested worker, before llama.cpp's code: 2,048 pages of 64 KiB are what its WASM begins with. */
const SMALL_MEMORY = `{
  const Whole = WebAssembly.Memory
  WebAssembly.Memory = function (limits) { return new Whole({ ...limits, maximum: 2048n }) }
  WebAssembly.Memory.prototype = Whole.prototype
};`

function giveSmallMemory(): void {
  const Whole = Blob
  globalThis.Blob = class extends Whole {
    constructor(parts: BlobPart[] = [], options?: BlobPropertyBag) {
      super(options?.type === 'text/javascript' ? [SMALL_MEMORY, ...parts] : parts, options)
    }
  }
}

function refuseWasm64(): void {
  const Whole = WebAssembly.Memory
  Object.defineProperty(WebAssembly, 'Memory', {
    value: function Memory(limits: WebAssembly.MemoryDescriptor) {
      if ('address' in limits) throw new TypeError('no 64-bit memory')
      return new Whole(limits)
    },
  })
}

function refuseStorage(): void {
  StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('refused', 'SecurityError'))
}

function dieAtFirstToken(how: 'abort' | 'oob'): void {
  const load = Wllama.prototype.loadModel
  Wllama.prototype.loadModel = function (files, params = {}) {
    const pooling = { pooling_type: `test_stack_trace_${how}` } as unknown as typeof params
    return load.call(this, files, { ...params, ...pooling })
  }
}

if (self.name === 'small-memory') giveSmallMemory()
if (self.name === 'no-wasm64') refuseWasm64()
if (self.name === 'no-storage') refuseStorage()
if (self.name === 'abort') dieAtFirstToken('abort')
if (self.name === 'trap') dieAtFirstToken('oob')
