/** Sentences of the Models screen, made of facts about models, downloads and room. Pure; no state, no markup. */
import type { DownloadView, Fit, GpuView, ModelEntry, SpeedView, StorageView } from '../../app-view.ts'
import { explain } from '../../wire/codes.ts'
import type { ModelSummary } from '../../wire/model.ts'
import { formatBytes, formatCount, formatTokensPerSecond } from '../format.ts'
import { sayFit } from '../words.ts'

export function sayLicense(license: string): string {
  return license === 'unknown' ? 'License unknown' : license
}

export function sayOrigin({ origin, source, kept }: ModelEntry): string {
  if (origin.kind === 'mirror') return 'This server'
  if (origin.kind === 'hub') return origin.repo === null ? origin.host : `${origin.host}/${origin.repo}`
  return source.kind === 'file' || !kept ? 'A file on this device' : 'Only in this browser'
}

/** As `sayFit`; what the screen says of the GPU once is not said again at each model. */
export function sayRuns(fit: Fit, gpu: GpuView): string {
  const needsGpu = fit.state === 'refused' && gpu.state === 'none' && fit.code === gpu.code
  return needsGpu ? 'It needs a GPU, and none can be used here.' : sayFit(fit)
}

/** Empty where nothing can be said. */
export function saySpeed(speed: SpeedView | null): string {
  if (!speed) return ''
  const rate = formatTokensPerSecond(speed.tokensPerSecond)
  // An estimate has two figures that mean something.
  const about = formatTokensPerSecond(Number(speed.tokensPerSecond.toPrecision(2)))
  const words: Readonly<Record<SpeedView['basis'], string>> = {
    measured: `${rate}, measured here`,
    scaled: `About ${about}, estimated from another model`,
    tested: `About ${about}, estimated by the GPU test`,
    assumed: 'Speed not measured yet',
  }
  return words[speed.basis]
}

/** `135 M parameters, 30 layers, reads 2,048 tokens`: what is known of it. */
export function sayShape({ architecture, parameters, layers, contextLength }: ModelSummary): string {
  const facts: string[] = []
  if (architecture !== '' && architecture !== 'unknown') facts.push(architecture)
  if (parameters > 0) facts.push(`${sayLarge(parameters)} parameters`)
  if (layers > 0) facts.push(`${formatCount(layers)} layers`)
  if (contextLength > 0) facts.push(`reads up to ${formatCount(contextLength)} tokens`)
  return facts.join(', ')
}

function sayLarge(count: number): string {
  if (count >= 999.5e6) return `${(count / 1e9).toFixed(1)} billion`
  return count >= 999.5e3 ? `${formatCount(Math.round(count / 1e6))} million` : formatCount(count)
}

/** The first characters tell files apart; all of them are in the details. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 8)
}

/** What the line above a download's numbers says. */
export function sayDownload({ state, here, code }: DownloadView): string {
  const where = here ? '' : ' in another tab'
  switch (state) {
    case 'queued':
      return `Waits for the download before it${where}`
    case 'fetching':
      return `Downloading${where}`
    case 'checking':
      return `Comparing its bytes with its digest${where}`
    case 'waiting':
      return code === 'worker-lost' ? 'Starts again in a moment' : 'Waiting for the network. It goes on by itself'
    case 'paused':
      return `Paused${where}. What came is kept`
    case 'failed':
      return 'Stopped'
    default:
      return state satisfies never
  }
}

/** What a screen reader hears of a download when its state changes. */
export function speakDownload(view: DownloadView): string {
  const failure = view.state === 'failed' && view.code ? explain(view.code, view.detail) : ''
  return `${view.name}: ${failure || sayDownload(view)}`
}

/** `Models 1.2 GB`, `9.5 GB free`: only what is known. */
export function sayStorage({ modelBytes, usedBytes, quotaBytes }: StorageView): readonly string[] {
  const facts = [`Models ${formatBytes(modelBytes)}`]
  if (usedBytes === null || quotaBytes === null) return [...facts, 'This browser does not say how much room there is']
  const otherBytes = usedBytes - modelBytes
  // Browsers round: a difference of less than a MB is noise.
  if (otherBytes >= 1e6) facts.push(`other data of Weft ${formatBytes(otherBytes)}`)
  return [...facts, `${formatBytes(Math.max(0, quotaBytes - usedBytes))} free`]
}

export interface Removal {
  readonly loaded: boolean
  readonly mirrorAnswers: boolean
}

/** What is lost by removing a model, and what it costs to get it back. */
export function sayRemoval(entry: ModelEntry, { loaded, mirrorAnswers }: Removal): readonly string[] {
  const { origin, model, keptBytes } = entry
  const freed = `This frees ${formatBytes(keptBytes)}. Your conversations stay.`
  const said = loaded ? [freed, 'It is loaded now and is let go of first.'] : [freed]
  const again = `To use it again, ${formatBytes(model.fileBytes)} are downloaded again`
  if (origin.kind === 'hub') return [...said, `${again} from ${origin.host}.`]
  if (!mirrorAnswers) return [...said, `${again}, once the server answers and still has it. Now it does not answer.`]
  if (origin.kind === 'mirror') return [...said, `${again} from this server.`]
  return [...said, 'No server lists it: to have it again you need its file.']
}

export function sayDiscard({ doneBytes, totalBytes }: DownloadView): string {
  return `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} are here and would be thrown away. To keep them for later, pause instead.`
}
