/**
 * One file for the app's build and for the test projects. The app is built from `web/` into `dist/`, which the server
 * serves. A test project is a kind of machine room: plain Node, a Chromium page, or Node that drives Chromium.
 */
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { configDefaults, defineConfig } from 'vitest/config'
import { CHROMIUM_FLAGS, findChromium } from './test/support/chromium.ts'

/** Files that only `npm run test:long` runs. */
const LONG = '**/*.long.test.ts'
/** Set by `npm run test:long`: the same projects, but only their long files. */
const long = process.argv.includes('--mode=long')

const files = (...folders: string[]) => ({
  include: folders.map((folder) => `test/${folder}/**/*${long ? '.long' : ''}.test.ts`),
  exclude: long ? configDefaults.exclude : [...configDefaults.exclude, LONG],
})

const minutes = (count: number) => count * 60_000
const repository = import.meta.dirname

export default defineConfig(({ mode }) => ({
  root: mode === 'test' || mode === 'long' ? repository : 'web',
  publicDir: `${repository}/public`,
  plugins: [svelte({ configFile: false })],
  worker: { format: 'es' },
  build: { outDir: `${repository}/dist`, emptyOutDir: true, target: 'es2023' },
  test: {
    passWithNoTests: false,
    projects: [
      { extends: true, test: { name: 'fast', environment: 'node', ...files('tidy', 'unit', 'golden', 'contract') } },
      {
        extends: true,
        test: {
          name: 'browser',
          ...files('browser', 'kernels'),
          testTimeout: minutes(2),
          hookTimeout: minutes(2),
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { executablePath: findChromium() ?? '', args: [...CHROMIUM_FLAGS] },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          environment: 'node',
          ...files('e2e'),
          testTimeout: minutes(4),
          hookTimeout: minutes(4),
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'oracle',
          environment: 'node',
          ...files('oracle'),
          testTimeout: minutes(10),
          hookTimeout: minutes(10),
          fileParallelism: false,
        },
      },
    ],
  },
}))
