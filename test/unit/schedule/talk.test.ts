/** A raw prompt in the loop that turns tokens into text: what is encoded, what goes on, and the space between the two texts. */
import { expect, it } from 'vitest'
import type { GenerateRequest, SessionEvent } from '../../../web/schedule/session.ts'
import { talk } from '../../../web/schedule/talk.ts'
import { encodeBegun, encodeRaw, type TokenCodec } from '../../../web/tokens/codec.ts'
import { createCodec } from '../../../web/tokens/create-codec.ts'
import type { ChatEvent, ChatRequest } from '../../../web/wire/chat.ts'
import { plainMetadata } from '../../fixtures/vocabulary-metadata.ts'
import { trainSentencePieceVocabulary } from '../../fixtures/vocabulary-training.ts'
import { must } from '../../support/directory-of.ts'

const NEVER = new AbortController().signal
const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n }
/** Puts a space before every text. */
const codec = must(
  createCodec({
    ...plainMetadata(trainSentencePieceVocabulary(4, true, 120).metadata),
    'tokenizer.chat_template': '{% for message in messages %}{{ message.content }}{% endfor %}',
  }),
)
const request = (more: Partial<ChatRequest>): ChatRequest => ({
  ...{ messages: [{ role: 'user', content: 'the sea' }], sampling, maxTokens: 64, stop: [], ...more },
})

/** A session that says these tokens, whatever it is asked, and keeps what it was asked. */
async function answerOf(asked: ChatRequest, said: readonly number[], from: TokenCodec = codec) {
  const requests: GenerateRequest[] = []
  async function* generate(generation: GenerateRequest): AsyncGenerator<SessionEvent, void, undefined> {
    requests.push(generation)
    for (const id of said) yield { kind: 'token', id }
    yield { kind: 'end', reason: 'stop' }
  }
  const encode = async (begun: string) => (asked.raw ? encodeRaw : encodeBegun)(from, asked.messages, begun)
  const parts = { session: { generate }, vocabulary: from.vocabulary, encode, now: () => 0 }
  const events: ChatEvent[] = []
  for await (const event of talk(parts, asked, NEVER)) events.push(event)
  const text = events.map((event) => (event.kind === 'text' ? event.text : '')).join('')
  return { text, events, prompt: requests[0]?.prompt ?? null }
}

it('keeps the space after a raw prompt, which is none of an answer in a chat', async () => {
  const said = codec.encode('and the land')
  expect((await answerOf(request({}), said)).text).toBe('and the land')
  expect((await answerOf(request({ raw: true }), said)).text).toBe(' and the land')
})

it('gives the text and what was written after it as one text', async () => {
  const begun = { text: ' and the', tokens: [], spent: 2, schedule: [] }
  const { prompt, events } = await answerOf(request({ raw: true, resume: begun }), codec.encode('land'))
  expect(prompt).toEqual(codec.encodeSpans(codec.renderRaw('the sea and the')))
  expect(events[0]).toMatchObject({ kind: 'notice', code: 'resumed-from-text' })
})

it('goes on by tokens with the space that was shown', async () => {
  const tokens = codec.encode('and the')
  const begun = { text: ' and the', tokens, spent: tokens.length, schedule: [] }
  const { prompt, text } = await answerOf(request({ raw: true, resume: begun }), codec.encode('land'))
  expect(prompt).toEqual(codec.encodeSpans(codec.renderRaw('the sea')))
  expect(text).toBe(' land')
})

it('refuses what is no raw prompt before a token is computed', async () => {
  const messages = [...request({}).messages, ...request({}).messages]
  const { events, prompt } = await answerOf(request({ raw: true, messages }), [])
  expect(prompt).toBeNull()
  expect(events).toMatchObject([{ kind: 'end', reason: 'error', code: 'request-invalid' }])
})
