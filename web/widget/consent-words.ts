/**
 * What a visitor is told before anything runs, by what the key allows and what this browser can keep: who would answer, who sees
 * what, who pays. Pure.
 */
import { CODES } from '../wire/codes.ts'
import type { PartnerView } from '../wire/partner-keys.ts'
import type { PressEnd } from './consent-press.ts'
import type { Means } from './means.ts'

interface ChoiceWords {
  readonly name: string
  readonly says: string
  /** Whether anything would answer. */
  readonly open: boolean
}

export interface ConsentWords {
  readonly intro: string
  readonly use: ChoiceWords
  readonly give: ChoiceWords
  readonly none: Pick<ChoiceWords, 'name'>
  readonly sees: string
  readonly declined: string
  readonly budget: string
  readonly kept: (keeps: boolean) => string
}

export function sayChoices({ site, scope, state }: PartnerView, host: string, means: Means): ConsentWords {
  const others = scope !== 'own' && state === 'open'
  const device = scope !== 'mesh'
  const here =
    'This device answers, and what you write stays on it. It downloads a model once; you see how large it is before.'
  const away = `Other people’s devices answer and can read what you ask. You pay nothing.${device ? ' This device answers only where you pick it.' : ''}`
  const told = `The site (${site}) learns that you use this panel, not what is written in it. What it tells the model about its page goes with your questions.`
  const seen = others
    ? 'The devices that answer read your question and what was said before it, and see your network address. Mail addresses, numbers and the like are replaced before they leave.'
    : 'Nothing that you write leaves this device.'
  return {
    intro: `A chat of Weft (${host}): browsers compute the answers, on people’s own devices.`,
    use: {
      name: others ? 'Use it' : 'Use it on this device',
      says: others ? away : device ? here : CODES['partner-budget'][0],
      open: others || device,
    },
    give: {
      name: 'Use it and give',
      says: sayGiving(means),
      open: true,
    },
    none: { name: 'Not now' },
    sees: `${seen} The server of Weft sees who works for whom and how much, never what is written. ${told}`,
    declined: 'Nothing was loaded and nothing was sent. You can close this panel, or choose later.',
    budget: device
      ? `${CODES['partner-budget'][0]} Until tomorrow this device can answer instead.`
      : CODES['partner-budget'].join(' '),
    kept: (keeps) =>
      keeps
        ? `Your choice is remembered for ${site}; what you write is not. You can take it back at any time. Your browser may ask whether this panel may use the models that Weft keeps in it.`
        : 'This browser keeps nothing for this panel: your choice lasts until you leave the page.',
  }
}

interface PageQuestionWords {
  readonly heading: string
  readonly says: readonly string[]
  readonly yes: string
  readonly no: string
  readonly kept: (keeps: boolean) => string
}

/** `by`: who may answer. */
export function sayPageQuestion(site: string, by: 'others' | 'device'): PageQuestionWords {
  const others =
    'Other people’s devices may answer those questions and read them. Mail addresses, numbers and the like are replaced before they leave.'
  return {
    heading: `May ${site} ask by itself?`,
    says: [
      `This page wants to put questions of its own through this panel. Unlike in the chat, ${site} reads the answers to them.`,
      by === 'others' ? others : 'This device answers those questions, and they stay on it.',
      'What you write in this panel, and what it answers you, stays hidden from the page all the same. It can ask only while this panel is in sight. One press stops what runs; “Your choice” takes back the yes.',
    ],
    yes: 'Let it ask',
    no: 'Do not let it',
    kept: (keeps) =>
      keeps
        ? `A yes is remembered for ${site}. You can take it back under “Your choice”.`
        : 'A yes lasts until you leave the page. You can take it back under “Your choice”.',
  }
}

/** No more than holds in this browser. */
function sayGiving({ covers, battery, saves }: Means): string {
  const sight = covers
    ? 'As above, and your GPU answers others while this panel is in sight.'
    : 'As above, and your GPU answers others while this panel is open on your screen. This browser does not tell whether something covers it.'
  const rest = battery
    ? 'It rests on a battery below half and ends with this page.'
    : 'It ends with this page. This browser does not tell its battery: it gives on battery as well.'
  const data = saves ? ' It needs a download, which is asked for first: your browser asks sites to save data.' : ''
  return `${sight} ${rest}${data}`
}

export function sayPressEnd(end: PressEnd): string {
  const words: Readonly<Record<PressEnd, string>> = {
    counts: '',
    again: '',
    ignored: '',
    covered: 'Wait a moment, then press again: the button has to be in sight, covered by nothing.',
    small: 'This panel is too small to read. Make the window larger, then press again.',
  }
  return words[end]
}
