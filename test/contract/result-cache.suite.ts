/** What every store of kept answers promises: the same text for the same key, bounds, the least recently used go first. */
import { describe, expect, it } from 'vitest'
import type { KeptResult, ResultCache } from '../../web/store/result-cache.ts'
import { RESULTS_BYTES_MAX, RESULTS_KEPT_MAX } from '../../web/wire/limits/conversations.ts'

function resultOf(key: string, text = 'Fine.'): KeptResult {
  const answerer = { engine: 'stage', adapter: 'Test GPU', modelId: 'm', model: 'Tiny' } as const
  return { key, text, answerer, createdMs: 5 }
}

/** `open` gives an empty store each time. */
export function resultCacheSuite(name: string, open: () => Promise<ResultCache>): void {
  describe(`kept answers ${name}`, () => {
    it('come back as they were kept, and no other does', async () => {
      const cache = await open()
      await cache.keep(resultOf('a'), 1)
      expect(await cache.find('a', 2)).toEqual(resultOf('a'))
      expect(await cache.find('b', 2)).toBeNull()
      await cache.keep(resultOf('a', 'Better.'), 3)
      expect((await cache.find('a', 4))?.text).toBe('Better.')
      expect(await cache.size()).toEqual({ count: 1, bytes: 14 })
    })

    it('are cleared, all of them', async () => {
      const cache = await open()
      await cache.keep(resultOf('a'), 1)
      await cache.keep(resultOf('b'), 1)
      await cache.clear()
      expect(await cache.size()).toEqual({ count: 0, bytes: 0 })
      expect(await cache.find('a', 2)).toBeNull()
    })

    it('are so many at most: those that nobody asked for go first', async () => {
      const cache = await open()
      for (let at = 0; at < RESULTS_KEPT_MAX; at += 1) await cache.keep(resultOf(`k${at}`), at)
      expect(await cache.find('k0', RESULTS_KEPT_MAX)).not.toBeNull()
      await cache.keep(resultOf('more'), RESULTS_KEPT_MAX + 1)
      expect((await cache.size()).count).toBe(RESULTS_KEPT_MAX)
      expect(await cache.find('k0', 0)).not.toBeNull()
      expect(await cache.find('k1', 0)).toBeNull()
    })

    it('take so much at most, and one that takes all of it is not kept', async () => {
      const cache = await open()
      const half = 'x'.repeat(RESULTS_BYTES_MAX / 4)
      for (const [at, key] of ['a', 'b', 'c'].entries()) await cache.keep(resultOf(key, half), at)
      expect(await cache.size()).toEqual({ count: 2, bytes: RESULTS_BYTES_MAX })
      expect(await cache.find('a', 9)).toBeNull()
      await cache.clear()
      await cache.keep(resultOf('huge', 'x'.repeat(RESULTS_BYTES_MAX)), 10)
      expect((await cache.size()).count).toBe(0)
    })
  })
}
