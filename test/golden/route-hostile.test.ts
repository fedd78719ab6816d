/**
 * Stages that lie, on links in memory: whatever one of them sends is refused by code, it loses its link or its place, and
 * every answer is the text of one whole stage: of the asker whose route it stands in, and of another whose route shares
 * its neighbour.
 */
import { describe, expect, it } from 'vitest'
import type { Code } from '../../web/wire/codes.ts'
import { CONTROL_BYTES_MAX, FRAMES_BURST_MAX, WORDS_BURST_MAX } from '../../web/wire/limits/links.ts'
import type { PeerSays } from '../../web/wire/peer-control.ts'
import { encodePeerFrame, type PeerFrame } from '../../web/wire/peer-frame.ts'
import { cutIntoSlices } from '../../web/wire/slices.ts'
import type { Lies, RawChannels } from '../support/hostile-peer.ts'
import { ask, HEAD, load, PROMPT, TAIL, VOCABULARY, WHOLE } from '../support/hostile-route.ts'
import { type LinkEnd, MemoryMesh, type MeshWish } from '../support/memory-mesh.ts'
import { onClockOf } from '../support/route-run.ts'

/** Where in the answer it begins to lie. */
const LIE_POSITION = PROMPT.length + 5

interface Told {
  readonly events: readonly string[]
  readonly ends: readonly LinkEnd[]
}

/** One asker with a liar in its route, and one whose route shares the liar's neighbour. Both get the whole text. */
async function tell(at: 'head' | 'tail', lies: Lies, wrongRange = false, wish: MeshWish = {}): Promise<Told> {
  const mesh = new MemoryMesh(wish)
  const asker = mesh.join('asker')
  const other = mesh.join('other')
  const own = (place: string) => (place === at ? lies : null)
  mesh.join('head', await load(wrongRange ? { first: 0, last: 2 } : HEAD), own('head'))
  mesh.join('tail', await load(TAIL), own('tail'))
  for (const [name, span] of [
    ['spare head', HEAD],
    ['spare tail', TAIL],
    ['other end', at === 'head' ? HEAD : TAIL],
  ] as const) {
    mesh.join(name, await load(span))
  }
  const mine = ask(mesh, asker, 'a'.repeat(32), [
    { span: HEAD, peer: 'head', standby: 'spare head' },
    { span: TAIL, peer: 'tail', standby: 'spare tail' },
  ])
  const theirs = ask(mesh, other, 'b'.repeat(32), [
    { span: HEAD, peer: at === 'head' ? 'other end' : 'head', standby: null },
    { span: TAIL, peer: at === 'tail' ? 'other end' : 'tail', standby: null },
  ])
  for (const { tokens, end } of await onClockOf(mesh, Promise.all([mine.answering, theirs.answering]), 60_000)) {
    expect(end).toMatchObject({ reason: 'length' })
    expect(tokens).toEqual(WHOLE)
  }
  expect(theirs.events).toEqual([])
  return {
    events: mine.events.map((event) => `${event.kind}${'peer' in event ? ` ${event.peer}` : ''}`),
    ends: mesh.ends,
  }
}

const REPLACED = (peer: string) => [`lost ${peer}`, `replaced spare ${peer}`, 'recovered']
const isDue = (frame: PeerFrame) => frame.position >= LIE_POSITION

/** Once, when a frame goes out that is due. */
function once(
  lie: (frame: PeerFrame, raw: RawChannels) => readonly PeerFrame[],
  type: PeerFrame['type'],
  to: string,
): Lies {
  let told = false
  return {
    frames(frame, peer, raw) {
      if (told || frame.type !== type || peer !== to || !isDue(frame)) return [frame]
      told = true
      return lie(frame, raw)
    },
  }
}

const fromHead = (lie: Parameters<typeof once>[0]) => once(lie, 'hidden', 'tail')
const slice = (bytes: Uint8Array) => cutIntoSlices(0xffff_fff0, bytes, bytes.length + 8).next().value?.buffer
const rowsOf = (frame: PeerFrame, value: number): PeerFrame =>
  frame.type === 'hidden' ? { ...frame, rows: frame.rows.map(() => value) } : frame

/** What no peer may put on a link, whoever asked it to: it loses the link. */
const MALFORMED: Readonly<Record<string, readonly [Code, Parameters<typeof once>[0]]>> = {
  'no numbers': ['frame-invalid', (frame) => [rowsOf(frame, Number.NaN)]],
  infinities: ['frame-invalid', (frame) => [rowsOf(frame, Number.NEGATIVE_INFINITY)]],
  'bytes that are no frame': [
    'frame-invalid',
    (frame, { tensors }) => inject(tensors, slice(new Uint8Array(99)), frame),
  ],
  'bytes that are no slice': ['frame-invalid', (frame, { tensors }) => inject(tensors, new ArrayBuffer(3), frame)],
  'text on the channel of frames': ['frame-invalid', (frame, { tensors }) => inject(tensors, 'hidden', frame)],
  'a word that is none': [
    'control-invalid',
    (frame, { control }) => inject(control, slice(new TextEncoder().encode('{"says":"dance"}')), frame),
  ],
  'a word that is too large': [
    'frame-invalid',
    (frame, { control }) => inject(control, slice(new Uint8Array(CONTROL_BYTES_MAX + 1)), frame),
  ],
  'too many frames': [
    'link-flooded',
    (frame, { tensors }) => {
      const bytes = slice(encodePeerFrame({ ...frame, epoch: 0 }))
      for (let count = 0; count <= FRAMES_BURST_MAX; count += 1) tensors.inject(bytes?.slice(0))
      return [frame]
    },
  ],
}

function inject(channel: RawChannels['control'], data: unknown, frame: PeerFrame): readonly PeerFrame[] {
  channel.inject(data)
  return [frame]
}

/** What is well formed and wrong: its asker hears the code and takes somebody else. */
const WRONG: Readonly<Record<string, readonly [Code, Parameters<typeof once>[0]]>> = {
  'a frame twice': ['position-mismatch', (frame) => [frame, frame]],
  'a frame for positions that were never sent': [
    'position-mismatch',
    (frame) => [{ ...frame, position: frame.position + 3 }],
  ],
  'a frame of an epoch that was never announced': ['frame-invalid', (frame) => [{ ...frame, epoch: frame.epoch + 7 }]],
  'rows of another width': [
    'frame-invalid',
    (frame) =>
      frame.type === 'hidden' ? [{ ...frame, width: frame.width / 2, rows: frame.rows.slice(0, frame.width / 2) }] : [],
  ],
}

describe('a stage that sends', () => {
  it.each(Object.entries(MALFORMED))('%s loses its link, and nobody a token', async (_, [code, lie]) => {
    const { events, ends } = await tell('head', fromHead(lie))
    expect(ends).toContainEqual({ at: 'tail', peer: 'head', code })
    expect(events).toEqual(REPLACED('head'))
  })

  it.each(Object.entries(WRONG))('%s loses its place, and nobody a token', async (_, [, lie]) => {
    const { events, ends } = await tell('head', fromHead(lie))
    expect(events).toEqual(REPLACED('head'))
    // Its asker might have told it to: two stages that serve others are not parted for that.
    expect(ends).toEqual([])
  })

  it('no numbers loses its place also where it says first that the link is torn', async () => {
    const far = (a: string, b: string) => ([a, b].includes('tail') && [a, b].includes('asker') ? 60 : 5)
    const lies = fromHead((frame) => [rowsOf(frame, Number.NaN)])
    const { events } = await tell('head', lies, false, { delayMs: far })
    expect(events).toEqual(['lost head', 'replaced spare head', 'recovered'])
  })

  it('too many words loses its link', async () => {
    const lies: Lies = {
      words: (word, to) =>
        word.says === 'opened' ? new Array<PeerSays>(WORDS_BURST_MAX + 100).fill(word) : to ? [word] : [],
    }
    const { events, ends } = await tell('head', lies)
    expect(ends).toContainEqual({ at: 'asker', peer: 'head', code: 'link-flooded' })
    expect(events).toEqual(REPLACED('head'))
  })

  it('frames of an older epoch is not heard', async () => {
    const stale = fromHead((frame) => [{ ...rowsOf(frame, 0), epoch: 0 }, frame, { ...frame, epoch: 0 }])
    expect(await tell('head', stale)).toEqual({ events: [], ends: [] })
  })

  it('frames of requests that nobody knows is not heard', async () => {
    const strange = fromHead((frame) => [{ ...frame, request: 'c'.repeat(32) }, frame])
    expect(await tell('head', strange)).toEqual({ events: [], ends: [] })
  })
})

describe('a stage that says', () => {
  it('it has other layers than it has is not taken', async () => {
    const { events } = await tell('head', {}, true)
    expect(events).toEqual(REPLACED('head'))
  })

  it('its honest neighbour did wrong costs that one its place, and nobody a token', async () => {
    const blame = {
      says: 'refused',
      request: 'a'.repeat(32),
      epoch: 1,
      by: 'tail',
      code: 'frame-invalid',
      detail: '',
    } as const
    const lies: Lies = { words: (word, to) => (word.says === 'opened' && to === 'asker' ? [word, blame] : [word]) }
    const { events } = await tell('head', lies)
    expect(events).toEqual(REPLACED('tail'))
  })
})

describe('a tail that draws', () => {
  it('a token that the model has not loses its link to the asker', async () => {
    const { events, ends } = await tell(
      'tail',
      once((frame) => [{ ...frame, id: VOCABULARY } as PeerFrame], 'token', 'asker'),
    )
    expect(ends).toContainEqual({ at: 'asker', peer: 'tail', code: 'frame-invalid' })
    expect(events).toEqual(REPLACED('tail'))
  })

  it('one for the first stage only loses its place', async () => {
    const { events } = await tell(
      'tail',
      once((frame) => [{ ...frame, id: 0xffff_ffff } as PeerFrame], 'token', 'head'),
    )
    expect(events).toEqual(REPLACED('tail'))
  })

  it('tokens again, early and for the past changes nothing', async () => {
    const again = once(
      (frame) => [
        { ...frame, position: 3, id: 1 } as PeerFrame,
        { ...frame, position: frame.position + 9 },
        frame,
        frame,
      ],
      'token',
      'asker',
    )
    expect((await tell('tail', again)).events).toEqual([])
  })
})
