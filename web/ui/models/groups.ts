/**
 * Models in the groups a person looks for them in: on their way, in this browser, at this server, elsewhere. Pure; no
 * words and no state. Each model is in one group only.
 */
import type { AppView, DownloadView, ModelEntry } from '../../app-view.ts'

export interface Row {
  readonly key: string
  readonly name: string
  /** Null for a download of another tab whose model this page does not list. */
  readonly entry: ModelEntry | null
  readonly download: DownloadView | null
}

export interface Family {
  readonly name: string
  readonly rows: readonly Row[]
}

export interface Groups {
  /** Asked for and not whole: under way, waiting, paused or failed. */
  readonly coming: readonly Row[]
  readonly here: readonly Row[]
  readonly server: readonly Row[]
  /** Files from disk, and files of a hub that were looked up and not fetched yet. */
  readonly elsewhere: readonly Row[]
  /** WebLLM's own list. */
  readonly families: readonly Family[]
}

function placeOf({ entry, download }: Row): Exclude<keyof Groups, 'families'> {
  // A whole model that is only being checked stays where it is.
  if (!entry || (download && !entry.kept)) return 'coming'
  if (entry.kept) return 'here'
  return entry.origin.kind === 'mirror' && entry.source.kind !== 'file' ? 'server' : 'elsewhere'
}

/** Every word of the query stands somewhere in what a person sees of the model. */
function matches({ name, entry }: Row, query: string): boolean {
  const shown = [name, entry?.family ?? '', entry?.model.license ?? '', entry?.model.architecture ?? '']
    .join(' ')
    .toLowerCase()
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => shown.includes(word))
}

export function groupModels({ entries, downloads }: Pick<AppView, 'entries' | 'downloads'>, query = ''): Groups {
  const known = new Set(entries.map(({ key }) => key))
  const rows: readonly Row[] = [
    ...entries.map((entry) => {
      const download = downloads.find(({ key }) => key === entry.key) ?? null
      return { key: entry.key, name: entry.model.name, entry, download }
    }),
    ...downloads
      .filter(({ key }) => !known.has(key))
      .map((download) => ({ key: download.key, name: download.name, entry: null, download })),
  ]
  const found = rows.filter((row) => matches(row, query))
  const inPlace = (place: keyof Groups) => found.filter((row) => placeOf(row) === place)
  const elsewhere = inPlace('elsewhere')
  const families = new Map<string, Row[]>()
  for (const row of elsewhere) {
    const family = row.entry?.family ?? null
    if (family !== null) families.set(family, [...(families.get(family) ?? []), row])
  }
  return {
    // As they are queued, not as models are listed.
    coming: downloads.flatMap(({ key }) => inPlace('coming').filter((row) => row.key === key)),
    here: inPlace('here'),
    server: inPlace('server'),
    elsewhere: elsewhere.filter(({ entry }) => (entry?.family ?? null) === null),
    families: [...families].map(([name, rows]) => ({ name, rows })),
  }
}
