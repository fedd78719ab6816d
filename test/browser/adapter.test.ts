/**
 * The ground that every browser test stands on: the page has WebGPU, on the software adapter and not on a real one, and
 * OPFS. If this fails, the flags or the Chromium are wrong and no other failure means anything.
 */
import { describe, expect, it } from 'vitest'

describe('the test browser', () => {
  it('offers a software WebGPU adapter', async () => {
    const adapter = await navigator.gpu.requestAdapter()
    expect(adapter?.info.architecture).toBe('swiftshader')
    expect(adapter?.info.isFallbackAdapter).toBe(true)
  })

  it('keeps files (OPFS)', async () => {
    const root = await navigator.storage.getDirectory()
    const handle = await root.getFileHandle('probe', { create: true })
    expect(handle.name).toBe('probe')
    await root.removeEntry('probe')
  })
})
