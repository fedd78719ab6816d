/**
 * Reads what a GGUF file on this machine says about itself, with the reader and in the words that the page uses, so that
 * the same bytes get the same id here and there. The file is hostile until then. It reads no tensor data.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { readGgufHeader } from '../../web/wire/gguf-header.ts'
import { MODEL_BYTES_MAX } from '../../web/wire/limits/models.ts'
import { type DirectoryFacts, factsFromDirectory } from '../../web/wire/model-facts.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'

/** Refusals: `gguf-not-gguf`, `gguf-truncated`, `gguf-invalid`, `tensor-type-unsupported`. */
export async function inspectGguf(path: string): Promise<Result<DirectoryFacts>> {
  const file = await open(path, 'r')
  try {
    const fileBytes = (await file.stat()).size
    if (fileBytes > MODEL_BYTES_MAX) return fail('gguf-invalid', `${fileBytes} bytes are more than the mirror takes.`)
    // A vocabulary has tokens that begin with U+FEFF: they are text here, not a mark to drop.
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const directory = await readGgufHeader(
      fileBytes,
      (offset, length) => readExactly(file, offset, length),
      (bytes) => decoder.decode(bytes),
    )
    return directory.ok ? factsFromDirectory(directory.value) : directory
  } finally {
    await file.close()
  }
}

/** One read of a file may bring less than was asked for; less than that in all means that the file shrank meanwhile. */
async function readExactly(file: FileHandle, offset: number, length: number): Promise<Result<Uint8Array>> {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) return fail('gguf-truncated', `It ended at byte ${offset + done} while it was read.`)
    done += bytesRead
  }
  return ok(bytes)
}
