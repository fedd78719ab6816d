/**
 * The last line of a text that is still being written, made readable: `**bo` is drawn bold at once, a table is a table
 * from its first bar, a mark that may yet become anything waits for the next character. Changes nothing but the last
 * line, or the line under a table's head; the end of the text is drawn as it is. Pure.
 */
/** Bullets, numbers, hashes, quotes, rules, fences, bars: one more character tells which. */
const MAY_BE_ANYTHING = /^\s*(?:[-*+=_~`|:]+|#{1,6}|(?:>\s*)+|\d{1,9}[.)]?|(?:[-*+]|\d{1,9}[.)])\s+\[?[ xX]?\]?)\s*$/
/** Also at the start of a list's line or a quote's. */
const FENCE_BEGUN = /^[\s>]*(?:`{1,2}|~{1,2})$/
const FENCE_CLOSING = /^[\s>]*(?:`+|~+)$/
const LINK_BEGUN = /!?\[([^[\]]*)\](?:\([^()\s]*)$/
const TABLE_LINE = /^ {0,3}\|/
const DELIMITERS_BEGUN = /^ {0,3}\|?[\s:|-]*$/
const WORD = /[\p{L}\p{N}]/u

/** `inCode`: the text ends inside a block of code. `inTable`: inside a table whose second line is complete. */
export function mend(
  text: string,
  { inCode, inTable }: { readonly inCode: boolean; readonly inTable: boolean },
): string {
  const start = text.lastIndexOf('\n') + 1
  const line = text.slice(start)
  const before = text.slice(0, start)
  if (inCode) return FENCE_CLOSING.test(line) ? before : text
  if (!inTable) {
    const table = tableBegun(before, line)
    if (table !== null) return table
  }
  if ((start > 0 && MAY_BE_ANYTHING.test(line)) || FENCE_BEGUN.test(line) || /^[|#>*+-]+$/.test(line)) return before
  return before + closeLine(line)
}

/** A head of a table gets its second line, whole, until it has one of its own. */
function tableBegun(before: string, line: string): string | null {
  if (TABLE_LINE.test(line) && !TABLE_LINE.test(lastLine(before))) {
    const head = closeLine(line)
    return columns(head) > 0 ? `${before}${head}\n${delimiters(columns(head))}` : before
  }
  const head = lastLine(before)
  if (!TABLE_LINE.test(head) || !DELIMITERS_BEGUN.test(line)) return null
  if (TABLE_LINE.test(lastLine(before.slice(0, -head.length - 1)))) return null
  return columns(head) > 0 ? before + delimiters(columns(head)) : null
}

/** The last complete line of a text that ends with a line feed. */
function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\n', text.length - 2) + 1, -1)
}

function columns(head: string): number {
  const bare = head.trim().replace(/^\|/, '').replace(/\|$/, '')
  return bare.trim() === '' ? 0 : bare.split(/(?<!\\)\|/).length
}

function delimiters(count: number): string {
  return `|${'-|'.repeat(count)}`
}

/** Closes what is open on one line of words, innermost first; drops marks at its end that have opened nothing yet. */
function closeLine(written: string): string {
  const line = written.replace(LINK_BEGUN, '$1')
  const open: string[] = []
  let end = line.length
  for (let at = 0; at < line.length; ) {
    const character = line[at] ?? ''
    if (character === '\\') {
      // Alone at the end it hides what comes next, and would be seen until then.
      if (at === line.length - 1) end = at
      at += 2
      continue
    }
    if (!'`*_~'.includes(character)) {
      at++
      continue
    }
    const run = runAt(line, at)
    const after = at + run.length
    if (character === '`') {
      const close = codeEnd(line, after, run.length)
      if (close < 0)
        return closed(line, after < line.length ? line.length : at, after < line.length ? [...open, run] : open)
      at = close
      continue
    }
    if (!turn(open, run, line[at - 1] ?? '', line[after] ?? '') && after === line.length) end = at
    at = after
  }
  return closed(line, end, open)
}

function runAt(line: string, at: number): string {
  let end = at
  while (line[end] === line[at]) end++
  return line.slice(at, end)
}

/** Where the code that opened with `length` marks ends, or -1. */
function codeEnd(line: string, from: number, length: number): number {
  for (let at = line.indexOf('`', from); at >= 0; ) {
    const run = runAt(line, at)
    if (run.length === length) return at + length
    at = line.indexOf('`', at + run.length)
  }
  return -1
}

/** Takes a run of `*`, `_` or `~` as an end or a start of emphasis; false when it is neither, or not yet. */
function turn(open: string[], run: string, before: string, after: string): boolean {
  const inWord = run[0] === '_' && WORD.test(before) && WORD.test(after)
  if (inWord || (run[0] === '~' && run.length !== 2) || run.length > 3) return after !== ''
  const canClose = before !== '' && !/\s/.test(before)
  if (canClose && open.at(-1) === run) {
    open.pop()
    return true
  }
  if (after === '' || /\s/.test(after)) return after !== ''
  open.push(run)
  return true
}

/** Ends go before the space at the end: `**a **` would end nothing. */
function closed(line: string, end: number, open: readonly string[]): string {
  const kept = line.slice(0, end)
  if (open.length === 0) return kept
  const words = kept.trimEnd()
  return words + [...open].reverse().join('') + kept.slice(words.length)
}
