/**
 * How many threads the CPU engine takes, and the words for it. Several threads share memory, which a browser allows only
 * in a cross-origin isolated page. Pure.
 */
import { CPU_THREADS_MAX } from '../wire/limits/engine.ts'

/** Up to here a browser's count is taken as it is; above, half are mostly second threads of a core, or slow cores. */
const PLAIN_THREADS = 4

/**
 * llama.cpp's threads wait for each other by spinning many times a token: one more than there are cores costs more than
 * one fewer.
 */
export function threadCount(isolated: boolean, cores: number): number {
  if (!isolated) return 1
  const most = Math.max(1, cores)
  return most <= PLAIN_THREADS ? most : Math.min(CPU_THREADS_MAX, Math.max(PLAIN_THREADS, Math.floor(most / 2)))
}

export function cpuInWords(threads: number, isolated: boolean): string {
  if (threads > 1) return `CPU, ${threads} threads`
  return isolated ? 'CPU, 1 thread' : 'CPU, 1 thread (this page is not isolated)'
}
