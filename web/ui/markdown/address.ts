/**
 * Which addresses of an answer become links. Pure; fetches nothing and decides nothing about where a link may lead
 * beyond its scheme.
 */
const SCHEMES: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:'])

/** The address as the browser understands it (so that what is shown is where it goes), or null. */
export function safeAddress(written: string): string | null {
  if (!URL.canParse(written)) return null
  const { protocol, href } = new URL(written)
  return SCHEMES.has(protocol) ? href : null
}
