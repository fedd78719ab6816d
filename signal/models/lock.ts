/**
 * One adder per model, across processes: a lock file that holds a process id and is touched while work goes on. A lock
 * whose process is gone, or that nobody touched for a minute (its id may be in use again), is taken over. It protects
 * effort, not correctness: publishing is atomic with or without it.
 */
import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { LOCK_STALE_MS, LOCK_TOUCH_MS } from '../config.ts'
import { errorCode } from './disk.ts'

/** Locks of this process: its own id in a file proves nothing after a restart that got the same id. */
const HELD = new Set<string>()

export interface Lock {
  /** The only exit; idempotent. */
  release(): Promise<void>
}

/** Null when another living process has it. */
export async function takeLock(path: string): Promise<Lock | null> {
  const own = `${path}.${randomBytes(6).toString('hex')}`
  const content = `${process.pid} ${own.slice(-12)}`
  for (let tries = 0; tries < 3; tries++) {
    await writeFile(own, content)
    try {
      // A link is made whole or not at all, so nobody ever reads an empty lock.
      await link(own, path)
      return hold(path, content)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    } finally {
      await rm(own, { force: true })
    }
    const seen = await readFile(path, 'utf8').catch(() => null)
    if (seen !== null && (await isLive(path, seen))) return null
    if (seen !== null && !(await takeAway(path, own, seen))) return null
  }
  return null
}

/** Is somebody at work behind this lock file? */
export async function isLocked(path: string): Promise<boolean> {
  const seen = await readFile(path, 'utf8').catch(() => null)
  return seen !== null && (await isLive(path, seen))
}

async function isLive(path: string, content: string): Promise<boolean> {
  const pid = Number.parseInt(content, 10)
  if (pid === process.pid) return HELD.has(path)
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  const touched = await stat(path).catch(() => null)
  if (!touched || Date.now() - touched.mtimeMs > LOCK_STALE_MS) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

/** Removes a dead lock. If somebody was faster and this is already their new one, it is put back. */
async function takeAway(path: string, own: string, seen: string): Promise<boolean> {
  const away = `${own}.dead`
  try {
    await rename(path, away)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true
    throw error
  }
  const dead = (await readFile(away, 'utf8')) === seen
  if (!dead) await link(away, path).catch(() => null)
  await rm(away, { force: true })
  return dead
}

function hold(path: string, content: string): Lock {
  HELD.add(path)
  const touch = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => null)
  }, LOCK_TOUCH_MS)
  touch.unref()
  return {
    async release() {
      clearInterval(touch)
      if (!HELD.delete(path)) return
      const now = await readFile(path, 'utf8').catch(() => null)
      if (now === content) await rm(path, { force: true })
    },
  }
}
