/**
 * What is known of each way to have a model answered, as facts for `rules/mode-choice.ts`: this device by what the list of
 * models says, others by the census of those who would be asked. Reads what is shown anyway; asks nobody, decides nothing.
 */
import type { MeshView } from './app-mesh-view.ts'
import type { ModelEntry } from './app-view.ts'
import { expectedRoute } from './rules/expected-route.ts'
import type { ModeFacts, ModelFacts, NamedModel } from './rules/mode-choice.ts'
import type { CensusModel } from './wire/census.ts'
import { type Failure, fail } from './wire/result.ts'
import type { RoomId } from './wire/rooms.ts'

type MeshFacts = Pick<MeshView, 'census' | 'signal' | 'settings'>
type Others = Omit<ModelFacts, 'local'>

const NOBODY = fail('no-holder', '')
/** Architectures of models that make vectors and no answers. */
const EMBEDDING = /bert/i

/** `room`: who would be asked; null for anyone. */
export function factsOf(entry: ModelEntry, mesh: MeshFacts, room: RoomId | null): ModelFacts {
  return { local: localOf(entry), ...othersOf(entry, mesh, room) }
}

/**
 * What may stand in for a model, the best first: what is kept here, or what others are known to have; then what would have
 * to be downloaded. The person's own and the server's, never the long list of a hub.
 */
export function smallerOf(
  asked: ModelEntry,
  entries: readonly ModelEntry[],
  mesh: MeshFacts,
  room: RoomId | null,
): readonly (NamedModel & ModelFacts)[] {
  const smaller = entries
    .filter(({ key, pending, kept, origin }) => key !== asked.key && !pending && (kept || origin.kind === 'mirror'))
    .filter(({ model }) => model.parameters < asked.model.parameters && !EMBEDDING.test(model.architecture))
    .sort((a, b) => b.model.parameters - a.model.parameters)
  const named = (entry: ModelEntry, local: ModeFacts) => {
    const others = mesh.census?.room === room ? othersOf(entry, mesh, room) : refused(NOBODY)
    return { key: entry.key, name: entry.model.name, local, ...others }
  }
  // Whether it fits is known of what is offered unasked.
  const fitting = smaller.filter(({ fit }) => fit.state === 'known' && fit.fits)
  const keptHere = new Set(fitting.filter(({ kept }) => kept))
  return [
    ...smaller.map((entry) => named(entry, keptHere.has(entry) ? localOf(entry) : NOT_HERE)),
    ...fitting.filter(({ kept }) => !kept).map((entry) => named(entry, localOf(entry))),
  ]
}

const NOT_HERE: ModeFacts = { refusal: fail('model-incomplete', ''), tokensPerSecond: null }

/** Whether it fits is looked at while the page already shows it: until then nothing speaks against it. */
function localOf({ fit, speed, pending }: ModelEntry): ModeFacts {
  const tokensPerSecond = speed?.tokensPerSecond ?? null
  if (pending) return { refusal: fail('model-incomplete', ''), tokensPerSecond }
  if (fit.state === 'refused') return { refusal: fail(fit.code, fit.detail), tokensPerSecond }
  const tight = fit.state === 'known' && !fit.fits
  return { refusal: tight ? fail('gpu-too-small', fit.reason) : null, tokensPerSecond }
}

function othersOf(
  { source, model, pending }: ModelEntry,
  { census, signal, settings }: MeshFacts,
  room: RoomId | null,
) {
  // What others have is what everybody gets from the same server.
  if (source.kind !== 'mirror' || pending)
    return refused(fail('no-holder', 'Only a model of this server can be shared.'))
  if (signal.state === 'away' && signal.final) return refused(signal.reason)
  // What is told of somebody else says nothing of those who would be asked.
  const told = census?.room === room
  const held = told ? (census.models.find(({ modelId }) => modelId === model.id) ?? NONE) : null
  const layers =
    model.format === 'gguf'
      ? layersOf(held, model.layers)
      : refused(fail('no-holder', 'Its layers cannot be split.')).layers
  if (!settings.privateEnds) return { job: jobOf(held), layers }
  // Who answers it whole reads all of it.
  return { job: refused(fail('ends-private', '')).job, layers }
}

type Held = Pick<CensusModel, 'ranges' | 'whole'>
const NONE: Held = { ranges: [], whole: null }

/** `held`: null until the server has told. */
function jobOf(held: Held | null): Others['job'] {
  if (!held) return { refusal: null, tokensPerSecond: null, firstMs: null, busy: false }
  const chat = held.whole?.chat
  if (!chat) return refused(NOBODY).job
  const { tokensPerSecond, firstMs, free } = chat
  return { refusal: null, tokensPerSecond, firstMs, busy: free === 0 }
}

function layersOf(held: Held | null, layers: number): Others['layers'] {
  if (!held) return { refusal: null, tokensPerSecond: null, stages: null }
  const route = expectedRoute(held.ranges, layers)
  if (!route) return refused(NOBODY).layers
  return { refusal: null, stages: route.stages, tokensPerSecond: 1_000 / route.predictedMs }
}

function refused(refusal: Failure): Others {
  const nothing = { refusal, tokensPerSecond: null }
  return { job: { ...nothing, firstMs: null, busy: false }, layers: { ...nothing, stages: null } }
}
