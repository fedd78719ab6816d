/** The sections of the operator's page, in their order, and the address of each within it. Decides nothing. */
export const SECTIONS = {
  now: 'Now',
  peers: 'Peers',
  jobs: 'Jobs',
  rooms: 'Rooms',
  partners: 'Partner keys',
  policy: 'Policy',
  sanctions: 'Sanctions',
  announcements: 'Announcements',
  audit: 'Audit',
} as const
export type Section = keyof typeof SECTIONS

/** What no address names is the first one. */
export function sectionOf(hash: string): Section {
  const name = hash.replace(/^#\/?/, '')
  return Object.hasOwn(SECTIONS, name) ? (name as Section) : 'now'
}
