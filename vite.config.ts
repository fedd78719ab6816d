/**
 * One file for the app's build and for the test projects. The app is built from `web/` into `dist/`, which the server
 * serves. A test project is a kind of machine room: plain Node, a Chromium page, or Node that drives Chromium.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { build, type Plugin } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { configDefaults, defineConfig } from 'vitest/config'
import { CHROMIUM_FLAGS, findChromium } from './test/support/chromium.ts'
import { SHARED_DATA } from './test/support/prepare.ts'
import { ENGINE_NAMES } from './web/wire/chat.ts'
import { SHELL_FILE_BYTES_MAX } from './web/wire/limits/page.ts'

const repository = import.meta.dirname
const minutes = (count: number) => count * 60_000

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

/** A file of an engine that is too large for the shell carries the engine's name: `web/sw.ts` keeps it by that. */
function chunkFile({ moduleIds }: { readonly moduleIds: readonly string[] }): string {
  const webllm = moduleIds.some((id) => id.includes('/@mlc-ai/web-llm/'))
  return `assets/${webllm ? 'webllm-' : ''}[name]-[hash].js`
}

function assetFile({ names }: { readonly names: readonly string[] }): string {
  return `assets/${names[0]?.startsWith('wllama') ? 'cpu-' : ''}[name]-[hash][extname]`
}

interface BuiltFile {
  readonly url: string
  revision: string | null
  readonly size: number
}

/** What the service worker is told of each file. */
async function shellFiles(files: BuiltFile[]) {
  // A page that was kept has the headers it came with: where they change, so does its digest.
  const headers = readFileSync(`${repository}/signal/headers.ts`)
  const manifest = files.map((file) => {
    if (file.url === 'index.html')
      return {
        ...file,
        revision: createHash('sha256')
          .update(headers)
          .update(file.revision ?? '')
          .digest('hex'),
      }
    if (file.size <= SHELL_FILE_BYTES_MAX) return file
    const engine = ENGINE_NAMES.find((name) => file.url.startsWith(`assets/${name}-`))
    if (!engine) throw new Error(`${file.url} has ${file.size} bytes: too much for the shell, and no engine's.`)
    return { ...file, engine }
  })
  return { manifest }
}

/** The product only: pages of tests and benches are built with this file too, from folders of their own. */
function serviceWorker(): Plugin[] {
  const plugins = VitePWA({
    strategies: 'injectManifest',
    srcDir: `${repository}/web`,
    filename: 'sw.ts',
    mode: 'production',
    injectRegister: false,
    manifest: false,
    injectManifest: {
      rollupFormat: 'iife',
      globPatterns: ['**/*.{html,js,css,woff2,wasm,svg,png,webmanifest}'],
      // What stands in other sites is asked for anew, with the headers of its key.
      globIgnores: [
        'screenshots/**',
        'embed.js',
        '{widget,admin}*',
        ...Object.values(ASIDE_ASSETS).map((folder) => `${folder}/**`),
      ],
      maximumFileSizeToCacheInBytes: Number.MAX_SAFE_INTEGER,
      manifestTransforms: [shellFiles],
    },
  })
  return plugins.map((plugin) => ({
    ...plugin,
    apply: (config, { command }) => command === 'build' && config.root === 'web',
  }))
}

/**
 * The script of partners' pages beside the app: one classic script without imports, so that a tag is all it takes. Its name never changes,
 * and it is no part of what the service worker keeps.
 */
function embedScript(): Plugin {
  return {
    name: 'weft:embed-script',
    apply: (config, { command }) => command === 'build' && config.root === 'web',
    async generateBundle() {
      const built = await build({
        configFile: false,
        logLevel: 'error',
        publicDir: false,
        build: {
          write: false,
          target: 'es2023',
          lib: { entry: `${repository}/web/widget/embed.ts`, formats: ['iife'], name: 'weftEmbed', fileName: 'embed' },
        },
      })
      const chunks = [built].flat().flatMap((result) => ('output' in result ? result.output : []))
      const [script] = chunks.filter(({ type }) => type === 'chunk')
      if (chunks.length !== 1 || script?.type !== 'chunk') throw new Error('embed.js is one script')
      this.emitFile({ type: 'asset', fileName: 'embed.js', source: script.code })
    },
  }
}

/** Of a page beside the app's; the server lets browsers keep them as it does the app's. */
const ASIDE_ASSETS = { admin: 'assets/admin', widget: 'assets/widget' } as const

const WORKER = {
  format: 'es' as const,
  rollupOptions: { output: { entryFileNames: workerFile, chunkFileNames: chunkFile, assetFileNames: assetFile } },
}

/**
 * Pages beside the app, each kind built by itself: nothing of them is in a file that the app loads, and they are no part of what
 * the service worker keeps. The workers of the engines come out as the app's own.
 */
function asidePages(place: keyof typeof ASIDE_ASSETS, names: readonly string[]): Plugin {
  return {
    name: `weft:pages-${place}`,
    apply: (config, { command }) => command === 'build' && config.root === 'web',
    async generateBundle(_, bundle) {
      const built = await build({
        configFile: false,
        root: `${repository}/web`,
        logLevel: 'error',
        publicDir: false,
        plugins: [svelte({ configFile: false })],
        worker: WORKER,
        build: {
          write: false,
          target: 'es2023',
          assetsDir: ASIDE_ASSETS[place],
          rollupOptions: { input: names.map((name) => `${repository}/web/${name}.html`) },
        },
      })
      for (const file of [built].flat().flatMap((result) => ('output' in result ? result.output : []))) {
        if (Object.hasOwn(bundle, file.fileName)) continue
        const source = file.type === 'chunk' ? file.code : file.source
        this.emitFile({ type: 'asset', fileName: file.fileName, source })
      }
    },
  }
}

/** `--mode sdk`: the SDK as a package entry, one ES module without the app. After the app's own build, which empties `dist/`. */
const SDK = {
  root: 'web',
  publicDir: false as const,
  build: {
    outDir: `${repository}/dist/sdk`,
    emptyOutDir: true,
    target: 'es2023',
    lib: { entry: `${repository}/web/sdk/weft.ts`, formats: ['es' as const], fileName: 'weft' },
    // Vite leaves the spaces in a module for packages; pages import this one as it is.
    rolldownOptions: { output: { minify: true } },
  },
}

const ASIDE = [asidePages('admin', ['admin']), asidePages('widget', ['widget', 'widget-refused'])]

export default defineConfig(({ mode }) => {
  if (mode === 'sdk') return SDK
  /** `npm run test:long`: the same projects, but only their `*.long.test.ts`, which no other run takes. */
  const long = mode === 'long'
  const files = (...folders: string[]) => ({
    include: folders.map((folder) => `test/${folder}/**/*${long ? '.long' : ''}.test.ts`),
    exclude: long ? configDefaults.exclude : [...configDefaults.exclude, '**/*.long.test.ts'],
  })
  const patience = (count: number) => {
    const limit = minutes(long ? count * 8 : count)
    // A page whose GPU is software does in seconds what a test may ask for again and again.
    return { testTimeout: limit, hookTimeout: limit, expect: { poll: { timeout: minutes(1) } } }
  }
  const node = { environment: 'node', env: { WEFT_DATA: SHARED_DATA } } as const
  const prepared = { ...node, fileParallelism: false, globalSetup: [`${repository}/test/support/prepare.ts`] }

  return {
    root: mode === 'test' || long ? repository : 'web',
    publicDir: `${repository}/public`,
    plugins: [svelte({ configFile: false }), embedScript(), ...ASIDE, serviceWorker()],
    worker: WORKER,
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
            ...patience(2),
          },
        },
        {
          extends: true,
          test: {
            name: 'browser',
            ...files('browser', 'kernels'),
            ...patience(2),
            fileParallelism: false,
            globalSetup: [`${repository}/test/support/mlc-mirror.ts`],
            browser: browser(),
          },
        },
        { extends: true, test: { name: 'oracle', ...prepared, ...files('oracle'), ...patience(10) } },
        {
          extends: true,
          test: {
            name: 'e2e',
            ...prepared,
            globalSetup: [...prepared.globalSetup, `${repository}/test/support/server.ts`],
            // Two: a page waits for its software GPU most of the time.
            fileParallelism: true,
            maxWorkers: 2,
            // Printed by name, and few are let pass: `test/run.ts`.
            retry: 1,
            ...files('e2e'),
            ...patience(4),
          },
        },
      ],
    },
  }
})
