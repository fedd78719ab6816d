/**
 * What WebLLM and its runtime write to the console of their worker. Nobody reads it there, and where the runtime ends in
 * C++ it is the only place that says why: what is thrown has no message. Keeps the last reason, prints nothing.
 */

export interface LastWords {
  readonly reason: string | null
}

const REASON = /\[FATAL\]|Error:/
/** The runtime begins with the path of its own source file. */
const PLACE = /^.*?\[FATAL\]\s*\S+:\d+:\s*/

export function hearLastWords(listened: Console): LastWords {
  const words: { reason: string | null } = { reason: null }
  const hear = (...said: readonly unknown[]) => {
    const line = said.map(String).join(' ')
    if (REASON.test(line)) words.reason = line.replace(PLACE, '')
  }
  for (const name of ['log', 'info', 'debug', 'warn', 'error', 'trace'] as const) listened[name] = hear
  return words
}
