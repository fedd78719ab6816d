/** The JavaScript of a document's examples, in order, so that a test can run what a reader would copy. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const BLOCK = /^```js\n([\s\S]*?)^```$/gm

export async function docExamples(name: string): Promise<readonly string[]> {
  const text = await readFile(join(import.meta.dirname, '../../docs', name), 'utf8')
  return [...text.matchAll(BLOCK)].map(([, code = '']) => code)
}
