/**
 * The list of models that the installed `@mlc-ai/web-llm` knows, in the words of `web/wire/webllm-prebuilt.ts`. Run it
 * after an update of the package: `npx tsx test/support/webllm-prebuilt.ts` writes `web/wire/webllm-prebuilt.json`.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type ModelRecord, ModelType, modelVersion, prebuiltAppConfig } from '@mlc-ai/web-llm'
import { assert } from '../../web/wire/result.ts'
import type { PrebuiltList, PrebuiltModel } from '../../web/wire/webllm-prebuilt.ts'

const FILE = join(import.meta.dirname, '../../web/wire/webllm-prebuilt.json')
const HUB = 'https://huggingface.co/'
const MIB = 1024 * 1024

function kindOf(type: ModelRecord['model_type']): PrebuiltModel['kind'] {
  switch (type) {
    case undefined:
    case ModelType.LLM:
      return 'chat'
    case ModelType.embedding:
      return 'embedding'
    case ModelType.VLM:
      return 'vision'
    default:
      return type satisfies never
  }
}

function entryOf(record: ModelRecord): PrebuiltModel {
  assert(record.model.startsWith(HUB), `${record.model_id} lies on the hub`)
  const overrides = record.overrides ?? {}
  return {
    id: record.model_id,
    repo: record.model.slice(HUB.length),
    library: record.model_lib,
    kind: kindOf(record.model_type),
    vramBytes: record.vram_required_MB === undefined ? null : Math.round(record.vram_required_MB * MIB),
    bufferBytes: record.buffer_size_required_bytes ?? null,
    lowResource: record.low_resource_required ?? false,
    requiredFeatures: record.required_features ?? [],
    contextLength: overrides.context_window_size ?? null,
    slidingWindow: overrides.sliding_window_size ?? null,
    packageManifest: record.model_manifest ?? null,
  }
}

export async function installedPrebuiltList(): Promise<PrebuiltList> {
  const main = createRequire(import.meta.url).resolve('@mlc-ai/web-llm')
  const facts = JSON.parse(await readFile(join(main, '../../package.json'), 'utf8')) as { version: string }
  return { version: facts.version, libraryVersion: modelVersion, models: prebuiltAppConfig.model_list.map(entryOf) }
}

/** As the formatter of this repository would write it: short lists on one line. */
function written(list: PrebuiltList): string {
  return `${JSON.stringify(list, null, 2).replace(/\[\s+("[^[\]]*?")\s+\]/g, '[$1]')}\n`
}

if (process.argv[1] === import.meta.filename) await writeFile(FILE, written(await installedPrebuiltList()))
