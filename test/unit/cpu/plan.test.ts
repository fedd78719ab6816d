/** What the CPU engine decides before it computes: memory, threads, and sampling in llama.cpp's words. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryBytes, memoryBytesMax } from '../../../web/cpu/estimate.ts'
import { foldSeed, samplingOptions } from '../../../web/cpu/sampling.ts'
import { cpuInWords, threadCount } from '../../../web/cpu/threads.ts'
import { CPU_THREADS_MAX, WASM_BYTES_MAX } from '../../../web/wire/limits/engine.ts'
import { GIB, MIB } from '../../../web/wire/limits/units.ts'
import type { TensorEntry } from '../../../web/wire/model.ts'

const tensor = (name: string, shape: readonly number[], bytes: number): TensorEntry => ({
  ...{ name, type: 'F16', shape, offset: 0, bytes },
})

describe('the memory estimate', () => {
  const grouped = [
    tensor('token_embd.weight', [64, 1000], 1_000_000),
    tensor('blk.0.attn_q.weight', [64, 64], 5_000),
    tensor('blk.0.attn_k.weight', [64, 16], 5_000),
    tensor('blk.0.attn_v.weight', [64, 16], 5_000),
  ]

  it('counts weights, and KV in f16 for each position', () => {
    const at = (positions: number) => memoryBytes(grouped, 1, positions)
    expect(at(101) - at(100)).toBe((16 + 16) * 2)
    expect(at(0)).toBeGreaterThan(1_015_000 + 128 * MIB)
    expect(at(0)).toBeLessThan(1_015_000 + 129 * MIB)
  })

  it('takes a layer whose K and V it does not know for one without grouped heads', () => {
    const fused = [tensor('token_embd.weight', [64, 1000], 10), tensor('blk.0.attn_qkv.weight', [64, 192], 10)]
    expect(memoryBytes(fused, 1, 11) - memoryBytes(fused, 1, 10)).toBe(2 * 64 * 2)
  })

  it('is held against what WASM may have, or the device where that is less', () => {
    expect(memoryBytesMax(undefined)).toBe(WASM_BYTES_MAX)
    expect(memoryBytesMax(8)).toBe(WASM_BYTES_MAX)
    expect(memoryBytesMax(0.5)).toBe(GIB / 2)
  })
})

describe('threads', () => {
  it('are one without isolation, and bounded with it', () => {
    expect(threadCount(false, 16)).toBe(1)
    for (const [cores, threads] of [
      ...[
        [1, 1],
        [2, 2],
        [4, 4],
        [6, 4],
        [8, 4],
        [12, 6],
        [16, 8],
        [64, CPU_THREADS_MAX],
      ],
    ] as const)
      expect(threadCount(true, cores ?? 0), `${cores} cores`).toBe(threads)
    // A browser that says nothing sensible.
    expect(threadCount(true, 0)).toBe(1)
  })

  it('are said in words, and why there is only one', () => {
    expect(cpuInWords(4, true)).toBe('CPU, 4 threads')
    expect(cpuInWords(1, true)).toBe('CPU, 1 thread')
    expect(cpuInWords(1, false)).toContain('not isolated')
  })
})

describe('sampling', () => {
  const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n }

  it('is greedy at temperature 0, with the penalty where one is asked for', () => {
    expect(samplingOptions(GREEDY)).toMatchObject({ samplers: ['top_k'], top_k: 1 })
    expect(samplingOptions({ ...GREEDY, repetitionPenalty: 1.2 })).toMatchObject({
      ...{ samplers: ['penalties', 'top_k'], repeat_penalty: 1.2, repeat_last_n: 64 },
    })
  })

  it('has the order of the stage engine, each value where it belongs, and no sampler of llama.cpp besides', () => {
    const free = { temperature: 0.7, topK: 40, topP: 0.9, minP: 0.05, repetitionPenalty: 1.1, seed: 5n }
    expect(samplingOptions(free)).toEqual({
      samplers: ['penalties', 'temperature', 'top_k', 'top_p', 'min_p'],
      ...{ temperature: 0.7, top_k: 40, top_p: 0.9, min_p: 0.05, repeat_penalty: 1.1, repeat_last_n: 64, seed: 5 },
    })
  })

  it('folds any seed to 32 bits, never to the one that llama.cpp takes for chance', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (seed) => {
        const folded = foldSeed(seed)
        return Number.isInteger(folded) && folded >= 0 && folded < 0xffff_ffff
      }),
    )
    expect(foldSeed(0xffff_ffffn)).not.toBe(0xffff_ffff)
    expect(foldSeed(1n << 32n)).not.toBe(foldSeed(0n))
  })
})
