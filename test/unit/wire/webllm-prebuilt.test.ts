/** The list of WebLLM's models: in step with the installed package, and sound enough to fetch by. */
import { describe, expect, it } from 'vitest'
import { CONTEXT_POSITIONS_MAX } from '../../../web/wire/limits/engine.ts'
import { PREBUILT, prebuiltOf } from '../../../web/wire/webllm-prebuilt.ts'
import { installedPrebuiltList } from '../../support/webllm-prebuilt.ts'

describe('the list of WebLLM', () => {
  it('is what the installed package says (else: npx tsx test/support/webllm-prebuilt.ts)', async () => {
    expect(PREBUILT).toEqual(await installedPrebuiltList())
    expect(PREBUILT.models.length).toBeGreaterThan(100)
  })

  it('names each model once, with a library of its version', () => {
    const ids = PREBUILT.models.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { id, library, repo, contextLength } of PREBUILT.models) {
      expect(URL.canParse(library) && library.startsWith('https://') && library.endsWith('.wasm'), id).toBe(true)
      expect(library, id).toContain(`/${PREBUILT.libraryVersion}/`)
      expect(repo, id).toMatch(/^[\w.-]+\/[\w.-]+$/)
      expect(contextLength ?? 1, id).toBeLessThanOrEqual(CONTEXT_POSITIONS_MAX)
    }
  })

  it('gives a repository the entry that is named like it', () => {
    expect(prebuiltOf('mlc-ai/Llama-3.1-8B-Instruct-q4f32_1-MLC')?.id).toBe('Llama-3.1-8B-Instruct-q4f32_1-MLC')
    expect(prebuiltOf('mlc-ai/no-such-model')).toBeNull()
  })
})
