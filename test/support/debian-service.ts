/** Real servers from Debian's packages, for tests: installed where they are missing, on a free port of the loopback, waited for. */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'

const PACKAGES = 'apt-get'
const START_MS_MAX = 10_000

/** The first of the paths that is there. Throws with what a person can do where it cannot be had. */
export function debianBinary(paths: readonly string[], name: string): string {
  const found = () => paths.find(existsSync)
  if (!found() && existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    for (const words of [['update'], ['install', '-y', name]])
      spawnSync(PACKAGES, [...words, '-qq'], { stdio: 'ignore' })
  }
  const path = found()
  if (path === undefined) throw new Error(`No ${name}. Install it (Debian: \`apt-get install ${name}\`) and run again.`)
  return path
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}

/** Its TCP port answers when it is up. */
export async function listening(child: ChildProcess, port: number, name: string): Promise<void> {
  const until = Date.now() + START_MS_MAX
  while (child.exitCode === null && Date.now() < until) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.kill()
  throw new Error(`${name} did not start (exit ${child.exitCode})`)
}
