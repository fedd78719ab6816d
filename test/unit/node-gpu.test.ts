/** WebGPU in plain Node: a device that copies what it is given. The process ends afterwards, or no bench would. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { softwareGpuEnvironment } from '../support/chromium.ts'

const ECHO = fileURLToPath(new URL('../support/node-gpu-echo.ts', import.meta.url))

it('opens a device that gives bytes back', () => {
  const env = softwareGpuEnvironment()
  if (env === null) throw new Error('no software GPU: the Chromium at hand ships no vk_swiftshader_icd.json')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ECHO], { env, encoding: 'utf8' })
  expect({ status, stdout, stderr: status === 0 ? '' : stderr }).toEqual({
    status: 0,
    stdout: '[1,2,3,4]\n',
    stderr: '',
  })
})
