/** Sentences of the mesh: layers, peers, links, what changed. Pure; no state, no markup. */
import type {
  Awake,
  ContributionView,
  LinkView,
  MeshView,
  Rest,
  RestReason,
  RouteNews,
  WayChoice,
} from '../../app-mesh-view.ts'
import { CODES } from '../../wire/codes.ts'
import { type LayerSpan, type PeerId, shortPeer } from '../../wire/peers.ts'
import { formatCount, formatSeconds, formatTokensPerSecond } from '../format.ts'

/** As people count: layer 1 is the first. */
export function saySpan({ first, last }: LayerSpan): string {
  return last - first === 1 ? `layer ${first + 1}` : `layers ${first + 1} to ${last}`
}

export function sayPeer(peer: PeerId, self: PeerId | null): string {
  return peer === self ? 'this tab' : shortPeer(peer)
}

export function sayMs(ms: number): string {
  return ms < 9.95 ? `${ms.toFixed(1)} ms` : `${formatCount(Math.round(ms))} ms`
}

/** The middle of many, and what all but a few stay within. */
export function sayRange(p50Ms: number | null, p95Ms: number | null): string {
  return p50Ms === null || p95Ms === null ? 'not known yet' : `${sayMs(p50Ms)}, 95 % within ${sayMs(p95Ms)}`
}

export function sayLink(link: LinkView | undefined): string {
  if (!link || link.relayed === null) return 'not known'
  return link.relayed ? 'relayed' : 'direct'
}

/** What private ends keep, and what they do not. */
export const PRIVATE_ENDS_HINT =
  'Own questions over other tabs: your GPU computes the first and the last layer, so that no other tab gets your words or the ' +
  'answer as such. What passes between the layers can be worked back into words by who has the model and takes the trouble. ' +
  'Other tabs have to serve the layers in between.'

export function sayRest({ why, untilMinute }: Rest, device: boolean): string {
  const words: Readonly<Record<RestReason, string>> = {
    person: 'You paused it.',
    hidden: 'This tab is hidden. It goes on when you come back.',
    hours: untilMinute === null ? 'Your limits leave it no hour.' : `It goes on at ${sayMinute(untilMinute)}.`,
    power: 'This device is not charging. It goes on when it does.',
    battery: 'The battery is below your limit. It goes on when it is above, or when the device is charging.',
    active: device
      ? 'You are using this device. It goes on after a minute without.'
      : 'You are using this tab. It goes on after 30 seconds without a key press or touch.',
    model: 'Your own chat uses another model now. It goes on when this one is loaded again, or when you press Resume.',
  }
  return words[why]
}

/** As a clock shows it, and as a time field takes it. */
export function sayMinute(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0')).join(':')
}

/** Null for what is no time of a clock. */
export function minuteOf(clock: string): number | null {
  const [, hours, minutes] = /^(\d\d):(\d\d)$/.exec(clock) ?? []
  return hours === undefined || minutes === undefined ? null : Number(hours) * 60 + Number(minutes)
}

/** A tenth more or less is noise. */
export function sayHidden(slowdown: number | null): string {
  if (slowdown === null) return 'not measured yet'
  return slowdown < 1.1 ? 'as fast as visible' : `${slowdown.toFixed(1)} times slower`
}

export function sayAwake(awake: Awake): string {
  const words: Readonly<Record<Awake, string>> = {
    window: 'A small window keeps this tab awake. Close it to end that.',
    sound: 'A sound too quiet to hear keeps this tab awake. The browser may show a loudspeaker.',
    none: 'This browser lets nothing keep this tab awake right now. Press Pause and Resume to try again.',
  }
  return words[awake]
}

/** A speed that others are told of. */
export function sayOffered(tokensPerSecond: number | null): string {
  return tokensPerSecond === null ? 'not measured' : formatTokensPerSecond(tokensPerSecond)
}

/** What would be given, and why that. */
export function sayWay({ way, reason }: WayChoice): string {
  const words: Readonly<Record<WayChoice['reason'], string>> = {
    picked: way === 'whole' ? 'Whole answers, as you picked.' : 'Layers, as you picked.',
    'whole-fits': 'Whole answers: the model fits here, so that nobody waits for trips between tabs.',
    'layers-missing': 'Layers: others give whole answers already, and some layers are held by nobody.',
    'too-large': 'Layers: the whole model does not fit what your GPU may hold.',
  }
  return words[reason]
}

export function sayNews({ kind, peer, span, tookMs }: RouteNews): string {
  const where = span ? ` (${saySpan(span)})` : ''
  switch (kind) {
    case 'lost':
      return `${peer ? shortPeer(peer) : 'A peer'}${where} was lost`
    case 'replaced':
      return `${peer ? shortPeer(peer) : 'A peer'}${where} took its place`
    case 'recovered':
      return tookMs === null ? 'The answer goes on' : `The answer goes on, ${formatSeconds(tookMs)} after the loss`
    case 'searching':
      return 'Nobody stood by: another route is looked for'
    case 'rerouted':
      return 'Another route was found'
    default:
      return kind satisfies never
  }
}

const STATES: Readonly<Record<ContributionView['state'], string>> = {
  off: 'This GPU is not contributing.',
  connecting: 'Connecting to the server.',
  loading: 'Loading the model.',
  measuring: 'Measuring how fast this device is.',
  serving: 'This GPU is contributing.',
  paused: 'Contributing is paused.',
}

/** Null where nothing has changed that is worth an interruption. */
export function saySpoken(before: MeshView, after: MeshView): string | null {
  const { contribution, routes } = after
  if (contribution.state === 'off' && contribution.refusal && before.contribution.state !== 'off')
    return CODES[contribution.refusal.code][0]
  if (contribution.state !== before.contribution.state) return STATES[contribution.state]
  const news = routes[0]?.news.at(-1)
  return news && news !== before.routes[0]?.news.at(-1) ? `${sayNews(news)}.` : null
}
