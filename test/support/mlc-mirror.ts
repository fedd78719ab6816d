/**
 * Global set-up of the browser tests: a mirror with the MLC model of `WEFT_MLC_MODEL`, a folder with weights, settings,
 * tokenizer and the compiled library. No package registry has such a library; without the folder the rows that need one
 * are skipped with that reason. The model is added by the real command and served by the real server.
 */
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'
import { addModel } from './add-model.ts'
import { startTestServer } from './server.ts'

export interface GivenMlcModel {
  readonly baseUrl: string
  readonly id: string
  readonly kind: 'chat' | 'embedding' | 'vision'
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Null without `WEFT_MLC_MODEL`. */
    mlcModel: GivenMlcModel | null
  }
}

function add(folder: string, dataDir: string): string {
  const library = readdirSync(folder).find((name) => name.endsWith('.wasm'))
  if (library === undefined) throw new Error(`WEFT_MLC_MODEL: ${folder} has no compiled library (.wasm).`)
  return addModel(dataDir, `mlc:${folder}`, `--library=${join(folder, library)}`)
}

export default async function setup(project: TestProject) {
  const folder = process.env['WEFT_MLC_MODEL'] ?? ''
  if (folder === '') {
    project.provide('mlcModel', null)
    return
  }
  const server = await startTestServer()
  const id = add(resolve(folder), server.dataDir)
  const manifest = (await (await fetch(`${server.url}/models/${id}/manifest.json`)).json()) as { kind?: 'embedding' }
  project.provide('mlcModel', { baseUrl: server.url, id, kind: manifest.kind ?? 'chat' })
  return () => server.close()
}
