/** The frame's end of a pairing, with a mesh that a test plays: what rests here, and a stop that has to arrive. */
import { beforeEach, expect, it } from 'vitest'
import { OpenedWindow, type OpenedWindowParts } from '../../../web/widget/opened-window.svelte.ts'
import { fail, ok, type Result } from '../../../web/wire/result.ts'

const GIVES = { giving: 'serving', model: 'Tiny', tokens: 7 } as const
const OFF = { giving: 'off', model: '', tokens: 0 } as const

let wishes: string[]
let answers: Result<unknown>
let mesh: OpenedWindowParts['mesh']
let opened: OpenedWindow
let asked: number

beforeEach(() => {
  wishes = []
  asked = 0
  answers = ok(null)
  mesh = {
    onPair: () => {},
    async pair({ kind }) {
      wishes.push(kind)
      return kind === 'offer' ? ok({ code: '0123456789AB', untilMs: 1 }) : answers
    },
    subscribe: () => () => {},
  }
  opened = new OpenedWindow({
    mesh,
    addressOf: (code) => code,
    open: () => {
      asked += 1
    },
    onPaired: () => {},
  })
})

async function pair(): Promise<void> {
  await opened.ask()
  mesh.onPair({ kind: 'paired' })
}

it('nothing is given here from when a window has it until it is wanted back, also while another is asked for', async () => {
  expect(opened.rests).toBe(false)
  await pair()
  expect([opened.rests, asked]).toEqual([true, 1])
  mesh.onPair({ kind: 'ended' })
  await opened.ask()
  expect([opened.view.state, opened.rests]).toEqual(['offered', true])
  opened.forget()
  expect(opened.rests).toBe(false)
  opened.close()
})

it('says a stop again to a window that goes on, and no more once it has stopped', async () => {
  await pair()
  mesh.onPair({ kind: 'state', window: GIVES })
  expect(await opened.stop()).toBe(true)
  mesh.onPair({ kind: 'state', window: GIVES })
  mesh.onPair({ kind: 'state', window: OFF })
  mesh.onPair({ kind: 'state', window: GIVES })
  expect(wishes).toEqual(['offer', 'stop', 'stop'])
  opened.close()
})

it('tells that a stop could not be said', async () => {
  await pair()
  mesh.onPair({ kind: 'state', window: GIVES })
  answers = fail('signal-away', '')
  expect(await opened.stop()).toBe(false)
  expect(opened.gives).toEqual(GIVES)
  opened.close()
})
