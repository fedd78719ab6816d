/**
 * A language for what happens in a ledger: one event a line, the code that it comes to last. Numbers are millionths of a
 * credit and milliseconds; a line without `at` happens when the one before did.
 *
 *     grant device owner 1000 for 500 [at 10]
 *     lapse device 0
 *     hold request owner 400 for 50
 *     settle request/0 worker 100 burn 5 escrow 20 [final]
 *     release request [expired]
 *     dispute request/1 worker 30
 *     judge request/1 20 burn 1
 *     vest request/0
 *     owner alice: user 900 hold 0 escrow 0 dispute 0
 *     treasury -1000 burn 5
 */
import type { LedgerEvent } from '../../web/wire/ledger-events.ts'

export type LedgerLine =
  | { readonly text: string; readonly kind: 'event'; readonly event: LedgerEvent; readonly code: string }
  | { readonly text: string; readonly kind: 'owner'; readonly owner: string; readonly says: string }
  | { readonly text: string; readonly kind: 'system'; readonly says: string }

export function readLedgerTable(table: string): readonly LedgerLine[] {
  let atMs = 0
  const lines: LedgerLine[] = []
  for (const text of table.split('\n').map((line) => line.replace(/#.*/, '').trim())) {
    if (text === '') continue
    const owner = /^owner (\S+): (.*)$/.exec(text)
    if (owner) lines.push({ text, kind: 'owner', owner: owner[1] ?? '', says: owner[2] ?? '' })
    else if (text.startsWith('treasury')) lines.push({ text, kind: 'system', says: text })
    else {
      const words = text.split(/\s+/)
      const code = words.pop() ?? ''
      const at = words.indexOf('at')
      if (at >= 0) atMs = Number(words.splice(at, 2)[1])
      lines.push({ text, kind: 'event', event: eventOf(words, atMs, text), code })
    }
  }
  return lines
}

function eventOf(words: readonly string[], atMs: number, text: string): LedgerEvent {
  const [type = '', first = '', second = '', third = ''] = words
  const after = (name: string) => {
    const index = words.indexOf(name)
    if (index < 0) throw new Error(`\`${name}\` is missing: ${text}`)
    return words[index + 1] ?? ''
  }
  const forMs = () => Number(after('for'))
  const [request = '', part = '0'] = first.split('/')
  const place = { request, part: Number(part), atMs }
  switch (type) {
    case 'grant':
      return { type, device: first, owner: second, micro: BigInt(third), forMs: forMs(), atMs }
    case 'lapse':
      return { type, device: first, count: Number(second), atMs }
    case 'hold':
      return { type, request: first, owner: second, micro: BigInt(third), forMs: forMs(), atMs }
    case 'settle': {
      const amounts = { micro: BigInt(third), burnMicro: BigInt(after('burn')) }
      return {
        type,
        ...place,
        worker: second,
        ...amounts,
        escrowMs: Number(after('escrow')),
        final: words.includes('final'),
      }
    }
    case 'release':
      return { type, request: first, expired: words.includes('expired'), atMs }
    case 'dispute':
      return { type, ...place, worker: second, micro: BigInt(third) }
    case 'judge':
      return { type, ...place, workerMicro: BigInt(second), burnMicro: BigInt(after('burn')) }
    case 'vest':
      return { type, ...place }
    default:
      throw new Error(`No event: ${text}`)
  }
}
