/** The sentence about room in the storage that every way of fetching says alike. Knows no storage. */
import { type Failure, fail } from '../wire/result.ts'

const mb = (bytes: number) => Math.round(bytes / 1e6)

export function fullFailure(neededBytes: number, freeBytes: number): Failure {
  return fail('storage-full', `It needs ${mb(neededBytes)} MB more, there is room for ${mb(freeBytes)} MB.`)
}
