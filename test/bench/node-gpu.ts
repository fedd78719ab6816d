/**
 * A GPU in plain Node, through the `webgpu` package: the machine's own, or Chromium's software driver. A driver is
 * chosen by the environment before the process starts, so the software one needs a process of its own.
 */
import { spawnSync } from 'node:child_process'
import { create, globals } from 'webgpu'
import { softwareGpuEnvironment } from '../support/chromium.ts'
import type { GpuClasses } from './gpu-meter.ts'

export interface NodeGpu {
  readonly gpu: GPU
  readonly classes: GpuClasses
}

export function nodeGpu(): NodeGpu {
  Object.assign(globalThis, globals)
  // The package types its classes one by one; at run time they are the ones of a page.
  return { gpu: create([]), classes: globals as unknown as GpuClasses }
}

/**
 * For `--gpu software`: runs this command again under Chromium's driver and ends with its code. Returns where that has
 * been done already.
 */
export function underSoftwareDriver(): void {
  if (process.env['WEFT_BENCH_DRIVER'] === 'software') return
  const environment = softwareGpuEnvironment()
  if (environment === null) throw new Error('no Chromium with a software driver was found; run without --gpu software')
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...environment, WEFT_BENCH_DRIVER: 'software' },
  })
  process.exit(status ?? 1)
}
