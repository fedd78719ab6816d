/**
 * One file for the app's build and for the test projects. The app is built from `web/` into `dist/`, which the server
 * serves. A test project is a kind of machine room: plain Node, a Chromium page, or Node that drives Chromium.
 */
import { basename, dirname } from 'node:path'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { configDefaults, defineConfig } from 'vitest/config'
import { CHROMIUM_FLAGS, findChromium, swiftShaderDriver } from './test/support/chromium.ts'
import { SHARED_DATA } from './test/support/prepare.ts'

const repository = import.meta.dirname
const minutes = (count: number) => count * 60_000

/** For Node: the shared mirror, and software Vulkan for the `webgpu` package, which must not find a real one. */
function testEnvironment(): Record<string, string> {
  const driver = swiftShaderDriver()
  return driver === null ? { WEFT_DATA: SHARED_DATA } : { WEFT_DATA: SHARED_DATA, VK_ICD_FILENAMES: driver }
}

function browser() {
  const found = findChromium()
  const launchOptions = { args: [...CHROMIUM_FLAGS], ...(found === null ? {} : { executablePath: found }) }
  return {
    enabled: true,
    headless: true,
    screenshotFailures: false,
    provider: playwright({ launchOptions }),
    instances: [{ browser: 'chromium' as const }],
  }
}

/** `web/cpu/worker.ts` becomes `cpu-worker-<hash>.js`: the server gives that one a policy of its own. */
export function workerFile({ facadeModuleId }: { readonly facadeModuleId?: string | null }): string {
  const folder = basename(dirname(facadeModuleId ?? ''))
  return `assets/${folder === '' ? '' : `${folder}-`}worker-[hash].js`
}

export default defineConfig(({ mode }) => {
  /** `npm run test:long`: the same projects, but only their `*.long.test.ts`, which no other run takes. */
  const long = mode === 'long'
  const files = (...folders: string[]) => ({
    include: folders.map((folder) => `test/${folder}/**/*${long ? '.long' : ''}.test.ts`),
    exclude: long ? configDefaults.exclude : [...configDefaults.exclude, '**/*.long.test.ts'],
  })
  const timeout = (count: number) => {
    const limit = minutes(long ? count * 8 : count)
    return { testTimeout: limit, hookTimeout: limit }
  }
  const node = { environment: 'node', env: testEnvironment() } as const
  const prepared = { ...node, fileParallelism: false, globalSetup: [`${repository}/test/support/prepare.ts`] }

  return {
    root: mode === 'test' || long ? repository : 'web',
    publicDir: `${repository}/public`,
    plugins: [svelte({ configFile: false })],
    worker: { format: 'es', rollupOptions: { output: { entryFileNames: workerFile } } },
    optimizeDeps: {
      include: [
        'comlink',
        '@huggingface/jinja',
        '@huggingface/tokenizers',
        '@noble/hashes/sha2.js',
        'idb',
        '@wllama/wllama/esm/index.js',
      ],
      // One file already; looking through seven megabytes for imports finds none.
      exclude: ['@mlc-ai/web-llm'],
    },
    // Fonts come from packages beside the app's root.
    server: { fs: { allow: [repository] } },
    build: { outDir: `${repository}/dist`, emptyOutDir: true, target: 'es2023' },
    test: {
      projects: [
        {
          extends: true,
          // Every core: by default one is left idle, which on two is half of them.
          test: {
            name: 'fast',
            ...node,
            maxWorkers: '100%',
            ...files('tidy', 'unit', 'golden', 'contract'),
            ...timeout(0.5),
          },
        },
        {
          extends: true,
          test: {
            name: 'browser',
            ...files('browser', 'kernels'),
            ...timeout(2),
            fileParallelism: false,
            globalSetup: [`${repository}/test/support/mlc-mirror.ts`],
            browser: browser(),
          },
        },
        { extends: true, test: { name: 'oracle', ...prepared, ...files('oracle'), ...timeout(10) } },
        { extends: true, test: { name: 'e2e', ...prepared, ...files('e2e'), ...timeout(4) } },
      ],
    },
  }
})
