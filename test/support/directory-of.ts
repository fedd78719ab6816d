/** The directory of a GGUF file in memory, for tests of what comes after it. Throws where the file is refused. */
import type { Directory } from '../../web/weights/directory.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import type { Result } from '../../web/wire/result.ts'
import { MemorySource } from './memory-source.ts'

/** The value, or an error with the code: a refusal that the test did not ask for. */
export function must<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new Error(`${result.code}: ${result.detail}`)
}

export async function directoryOf(file: Uint8Array): Promise<Directory> {
  return must(await readDirectory(new MemorySource(file)))
}
