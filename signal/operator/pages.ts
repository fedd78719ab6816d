/**
 * A page of a list, as the operator asks for it: `search`, what one of a row's words has in it, and `from`, how many of those found are
 * passed over. It knows no list.
 */
import { OPERATOR_ROWS_MAX, OPERATOR_SEARCH_CHARACTERS_MAX } from '../../web/wire/limits/operator.ts'
import type { Page } from '../../web/wire/operator-views.ts'
import type { OperatorCall } from './router.ts'

export interface PageAsked {
  /** Empty: all of them. */
  readonly search: string
  readonly from: number
}

/** A page further back than this is looked for by name. */
const FROM_MAX = 1_000_000

export function pageAsked({ query }: Pick<OperatorCall, 'query'>): PageAsked {
  const search = (query.get('search') ?? '').slice(0, OPERATOR_SEARCH_CHARACTERS_MAX)
  const from = Number(/^\d{1,7}$/.exec(query.get('from') ?? '')?.[0] ?? 0)
  return { search, from: Math.min(from, FROM_MAX) }
}

export function paged<Row>(
  call: Pick<OperatorCall, 'query'>,
  all: readonly Row[],
  wordsOf: (row: Row) => readonly string[],
): Page<Row> {
  const { search, from } = pageAsked(call)
  const found = search === '' ? all : all.filter((row) => wordsOf(row).some((word) => word.includes(search)))
  return { rows: found.slice(from, from + OPERATOR_ROWS_MAX), total: found.length }
}
