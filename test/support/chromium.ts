/**
 * One Chromium for every test: the system's, else Playwright's, else (as root on Debian) the package. Software WebGPU
 * (SwiftShader) comes with it, for pages by a flag and for Node's `webgpu` through its Vulkan driver file. This file
 * installs nothing unless `ensureChromium` is called, and never touches a profile of the person who runs it.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type LaunchOptions } from 'playwright'

/** Software WebGPU, no sandbox (tests run as root in containers) and nothing that talks to the outside. */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--no-sandbox',
  '--headless=new',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  // SwiftShader spells such a null out, a store for each number: tiles took it seconds to compile. Zeros all the same.
  '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
]

/** Two browsers on one machine find each other without asking the network for names. */
export const OPEN_ADDRESSES: readonly string[] = ['--disable-features=WebRtcHideLocalIpsWithMdns']

/** The same in a page whose frame is of another site: on one machine, a browser would ask its person before that frame may connect. */
export const OPEN_FRAMES: readonly string[] = [
  '--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks,LocalNetworkAccessChecksWebRTC,LocalNetworkAccessChecksWebSockets',
]

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

function inPath(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name)
      if (folder !== '' && existsSync(path)) return path
    }
  }
  return null
}

function playwrightOwn(): string | null {
  const path = chromium.executablePath()
  return existsSync(path) ? path : null
}

/** Path of a Chromium that is there already, or null. */
export function findChromium(): string | null {
  return inPath() ?? playwrightOwn()
}

function install(command: string, args: readonly string[]): void {
  process.stderr.write(`> ${command} ${args.join(' ')}\n`)
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
}

/** Path of a Chromium, installed first where there is none. Throws with what a person can do when nothing works. */
export function ensureChromium(): string {
  const found = findChromium()
  if (found !== null) return found
  install('npx', ['playwright', 'install', 'chromium'])
  const debianRoot = existsSync('/etc/debian_version') && process.getuid?.() === 0
  if (findChromium() === null && debianRoot) {
    install('apt-get', ['update', '-qq'])
    install('apt-get', ['install', '-y', '-qq', 'chromium'])
  }
  const installed = findChromium()
  if (installed === null)
    throw new Error('No Chromium. Install one (Debian: `apt-get install chromium`) and run again.')
  return installed
}

/** A browser with software WebGPU. The caller closes it. */
export async function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: ensureChromium(),
    headless: true,
    ...options,
    args: [...CHROMIUM_FLAGS, ...(options.args ?? [])],
  })
}

/** As it is where nothing gives it WebGPU: no adapter is to be had. The caller closes it. */
export async function launchWithoutGpu(args: readonly string[] = []): Promise<Browser> {
  const flags = CHROMIUM_FLAGS.filter((flag) => !/webgpu|dawn/.test(flag))
  return chromium.launch({ executablePath: ensureChromium(), headless: true, args: [...flags, ...args] })
}

/** With software WebGPU and a profile of its own in this folder, which is there again the next time. The caller closes it. */
export async function launchProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, {
    executablePath: ensureChromium(),
    headless: true,
    args: [...CHROMIUM_FLAGS],
  })
}

/**
 * For a process whose WebGPU is to be SwiftShader: the driver beside the Chromium, and the Vulkan loader there where the system
 * has none. Both are read when a process starts. Null where this Chromium ships none.
 */
export function softwareGpuEnvironment(): NodeJS.ProcessEnv | null {
  const path = findChromium()
  if (path === null) return null
  const folders = [dirname(realpathSync(path)), '/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome']
  const folder = folders.find((one) => existsSync(join(one, 'vk_swiftshader_icd.json')))
  if (folder === undefined) return null
  const driver = join(folder, 'vk_swiftshader_icd.json')
  const libraries = [folder, process.env['LD_LIBRARY_PATH'] ?? ''].filter((one) => one !== '')
  // A driver that is named for files would win over the other.
  return { ...process.env, VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: libraries.join(':') }
}
