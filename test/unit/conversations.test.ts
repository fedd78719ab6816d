/** `Conversations` over the store in memory: asking, branches, cuts, context ends, deleting, import, other tabs. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Conversations } from '../../web/app-conversations.ts'
import { DEFAULT_SETTINGS } from '../../web/app-conversations-view.ts'
import type { ConversationStore } from '../../web/store/conversation-store.ts'
import { MemoryConversations } from '../../web/store/memory-conversations.ts'
import type { Writers } from '../../web/store/writers.ts'
import { NO_USAGE } from '../../web/wire/chat.ts'
import type { Message } from '../../web/wire/conversation.ts'
import { DELETED_KEPT_MS } from '../../web/wire/limits/conversations.ts'
import { fail } from '../../web/wire/result.ts'
import { answerOf, conversationOf, questionOf } from '../support/conversation-records.ts'
import { FakeAsker, textEvents } from '../support/fake-asker.ts'

let asker: FakeAsker
let store: MemoryConversations
let ids: number
let nowMs: number

const nobodyWrites: Writers = { hold: () => () => {}, gone: async () => {} }

function make(kept: ConversationStore = store, writers: Writers = nobodyWrites): Conversations {
  return new Conversations({
    store: Promise.resolve(kept),
    writers,
    asker,
    nowMs: () => nowMs++,
    newId: () => `id${ids++}`,
    newSeed: () => 7n,
    settings: DEFAULT_SETTINGS,
  })
}

beforeEach(() => {
  asker = new FakeAsker()
  store = new MemoryConversations(null)
  ids = 0
  nowMs = 0
})

const textsOf = (branch: readonly Message[]) => branch.map(({ text }) => text)
const shown = (of: Conversations) => textsOf(of.view.open.branch)
const lastOf = (of: Conversations) => of.view.open.branch.at(-1)?.id ?? ''
const until = (of: Conversations, condition: () => boolean) =>
  new Promise<void>((resolve) => {
    const stop = of.subscribe(() => {
      if (!condition()) return
      queueMicrotask(() => stop())
      resolve()
    })
  })

describe('a question', () => {
  it('is answered, kept and titled', async () => {
    const conversations = make()
    await conversations.send('What is up?')
    expect(shown(conversations)).toEqual(['What is up?', 'Fine.'])
    expect(conversations.view.list.map(({ title }) => title)).toEqual(['What is up?'])
    const again = make()
    await again.start()
    await again.show(conversations.view.open.conversation.id)
    expect(shown(again)).toEqual(['What is up?', 'Fine.'])
  })

  it('is sent with what was said before and the settings of the conversation', async () => {
    const conversations = make()
    await conversations.setSettings({ ...DEFAULT_SETTINGS, system: 'Be brief.', answerTokensMax: 5 })
    await conversations.send('One')
    await conversations.send('Two')
    expect(asker.requests.at(-1)).toMatchObject({
      maxTokens: 5,
      sampling: { seed: 7n },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'One' },
        { role: 'assistant', content: 'Fine.' },
        { role: 'user', content: 'Two' },
      ],
    })
  })

  it('is not asked while the conversation is being answered', async () => {
    asker.script = () => null
    const conversations = make()
    void conversations.send('One')
    await vi.waitFor(() => expect(asker.open.length).toBe(1))
    await conversations.send('Two')
    expect(asker.requests.length).toBe(1)
    conversations.stop()
  })
})

describe('an answer', () => {
  it('grows in the view while it is written, and goes on while another conversation is read', async () => {
    asker.script = () => null
    const conversations = make()
    const sent = conversations.send('One')
    await vi.waitFor(() => expect(asker.open.length).toBe(1))
    const first = conversations.view.open.conversation.id
    asker.open[0]?.push({ kind: 'text', text: 'Half' })
    await until(conversations, () => conversations.view.open.running?.answer.text === 'Half')
    conversations.startNew()
    expect(conversations.view.open.running).toBeNull()
    expect([...conversations.view.answering]).toEqual([first])
    asker.open[0]?.push({ kind: 'text', text: ' and half' })
    asker.open[0]?.push({ kind: 'end', reason: 'stop', usage: NO_USAGE })
    await sent
    expect(shown(conversations)).toEqual([])
    await conversations.show(first)
    expect(shown(conversations)).toEqual(['One', 'Half and half'])
  })

  it('that is stopped stays, and goes on from its text without a word about it', async () => {
    asker.script = () => [
      { kind: 'text', text: 'Half ' },
      { kind: 'end', reason: 'abort', usage: NO_USAGE },
    ]
    const conversations = make()
    await conversations.send('One')
    expect(conversations.view.open.branch.at(-1)).toMatchObject({ state: 'stopped', text: 'Half ' })
    asker.script = () => [{ kind: 'notice', code: 'resumed-from-text', detail: '' }, ...textEvents('and more.')]
    await conversations.goOn(lastOf(conversations))
    expect(asker.requests.at(-1)?.resume).toMatchObject({ text: 'Half ' })
    expect(conversations.view.open.branch.at(-1)).toMatchObject({
      state: 'done',
      text: 'Half and more.',
      notices: [],
    })
  })

  it('goes on from its tokens with its seed, as long again where its limit was reached, and by text for another model', async () => {
    const conversations = make()
    await conversations.setSettings({ ...DEFAULT_SETTINGS, answerTokensMax: 2 })
    asker.script = () => [
      { kind: 'answerer', engine: 'stage', adapter: 'Test GPU', modelId: 'm', model: 'Tiny' },
      { kind: 'schedule', frames: [{ position: 0, count: 4, mode: 'prefill' }] },
      { kind: 'text', text: 'Half ', tokens: [5, 6] },
      { kind: 'end', reason: 'length', usage: NO_USAGE },
    ]
    await conversations.send('Tell me')
    // Read back as another page would.
    const again = make()
    await again.start()
    await again.show(conversations.view.open.conversation.id)
    asker.script = () => textEvents('more.', 'length')
    await again.goOn(lastOf(again))
    expect(asker.requests.at(-1)).toMatchObject({
      resume: { text: 'Half ', tokens: [5, 6], spent: 2, schedule: [{ position: 0, count: 4, mode: 'prefill' }] },
      sampling: { seed: 7n },
      maxTokens: 4,
    })
    // This engine gave no tokens: from here on only the text holds.
    await again.goOn(lastOf(again))
    expect(asker.requests.at(-1)).toMatchObject({ resume: { text: 'Half more.', tokens: [] }, maxTokens: 2 })
    asker.modelId = 'other'
    await conversations.goOn(lastOf(conversations))
    expect(asker.requests.at(-1)).toMatchObject({ resume: { text: 'Half ', tokens: [] }, maxTokens: 2 })
  })

  it('that another tab began and left is cut, and can go on', async () => {
    const writing = answerOf('a', 'q', { state: 'writing', text: 'Half' })
    await store.write({
      conversations: [conversationOf('c', { leafId: 'a' })],
      messages: [questionOf('q', null), writing],
    })
    let die = () => {}
    const gone = new Promise<void>((resolve) => {
      die = resolve
    })
    const conversations = make(store, { hold: () => () => {}, gone: () => gone })
    await conversations.show('c')
    expect(conversations.view.open.branch.at(-1)).toMatchObject({ state: 'writing' })
    die()
    await vi.waitFor(() => expect(conversations.view.open.branch.at(-1)).toMatchObject({ state: 'interrupted' }))
    await conversations.flush()
    expect(await store.message('a')).toMatchObject({ value: { state: 'interrupted', text: 'Half' } })
  })

  it('that cannot be kept stays on the screen, is said, and is kept when it can be', async () => {
    const write = store.write.bind(store)
    let full = true
    store.write = async (change) => (full ? fail('conversations-full', '') : write(change))
    const conversations = make()
    await conversations.send('One')
    expect(shown(conversations)).toEqual(['One', 'Fine.'])
    expect(conversations.view.trouble?.code).toBe('conversations-full')
    full = false
    await conversations.send('Two')
    expect(conversations.view.trouble).toBeNull()
    const again = make()
    await again.show(conversations.view.open.conversation.id)
    expect(shown(again)).toEqual(['One', 'Fine.', 'Two', 'Fine.'])
  })
})

describe('branches', () => {
  it('grow from an edited question and from an answer asked for again; each can be shown', async () => {
    const conversations = make()
    await conversations.send('One')
    await conversations.send('Two')
    const [q1, , q2, a2] = conversations.view.open.branch.map(({ id }) => id)
    asker.script = () => textEvents('Other.')
    await conversations.regenerate(a2 ?? '')
    expect(shown(conversations)).toEqual(['One', 'Fine.', 'Two', 'Other.'])
    expect(conversations.view.open.children.get(q2 ?? '')?.length).toBe(2)
    await conversations.edit(q1 ?? '', 'Uno')
    expect(shown(conversations)).toEqual(['Uno', 'Other.'])
    expect(conversations.view.open.children.get('')?.length).toBe(2)
    conversations.showBranch(q1 ?? '')
    expect(shown(conversations)).toEqual(['One', 'Fine.', 'Two', 'Other.'])
    conversations.showBranch(a2 ?? '')
    expect(shown(conversations)).toEqual(['One', 'Fine.', 'Two', 'Fine.'])
    await conversations.flush()
    const again = make()
    await again.show(conversations.view.open.conversation.id)
    expect(shown(again)).toEqual(['One', 'Fine.', 'Two', 'Fine.'])
  })
})

describe('the end of the context', () => {
  const long = 'word '.repeat(30).trim()

  async function threeTurns(contextEnd: 'stop' | 'drop' | 'summarise'): Promise<Conversations> {
    asker.contextPositions = 100
    const conversations = make()
    await conversations.setSettings({ ...DEFAULT_SETTINGS, contextEnd, answerTokensMax: 10 })
    asker.script = ({ messages }) =>
      textEvents(messages.at(-1)?.content.startsWith('Summarise') ? 'They talked.' : 'Fine.')
    for (const _ of [1, 2, 3]) await conversations.send(long)
    return conversations
  }

  it('leaves everything to the engine’s word where a person wants to stop', async () => {
    await threeTurns('stop')
    expect(asker.requests.at(-1)?.messages.length).toBe(5)
  })

  it('leaves out the oldest, and says from where the model read', async () => {
    const conversations = await threeTurns('drop')
    expect(asker.requests.at(-1)?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
    const second = conversations.view.open.branch[2]?.id
    expect(conversations.view.open.branch.at(-1)).toMatchObject({ window: { fromId: second, summary: null } })
  })

  it('sends a summary in place of the oldest, and makes it once', async () => {
    const conversations = await threeTurns('summarise')
    expect(conversations.view.open.branch.at(-1)).toMatchObject({ window: { summary: 'They talked.' } })
    expect(asker.requests.at(-1)?.messages[0]).toEqual({
      role: 'system',
      content: 'Summary of the conversation so far:\nThey talked.',
    })
    const summaries = () => asker.requests.filter(({ messages }) => messages.at(-1)?.content.startsWith('Summarise'))
    expect(summaries().length).toBe(1)
    await conversations.send('Short one')
    expect(summaries().length).toBe(1)
    expect(conversations.view.open.conversation.summaries.length).toBe(1)
  })

  it('keeps the files of what it leaves out, the system prompt and the newest question', async () => {
    asker.contextPositions = 100
    const conversations = make()
    const settings = { ...DEFAULT_SETTINGS, system: 'Be brief.', contextEnd: 'drop', answerTokensMax: 10 } as const
    await conversations.setSettings(settings)
    await conversations.send(long, [{ name: 'notes.txt', text: 'The loom is blue.' }])
    for (const _ of [1, 2]) await conversations.send(long)
    const sent = asker.requests.at(-1)?.messages ?? []
    expect(sent.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user'])
    expect(sent[1]?.content).toBe(`File notes.txt:\n\`\`\`\nThe loom is blue.\n\`\`\`\n\n${long}`)
    const { branch } = conversations.view.open
    const window = { fromId: branch[2]?.id, summary: null, pinnedIds: [branch[0]?.id] }
    expect(branch.at(-1)).toMatchObject({ window })
    // Files that take all the room go before the question does.
    await conversations.send(long, [{ name: 'large.txt', text: 'x '.repeat(60) }])
    await conversations.send(long)
    expect(conversations.view.open.branch.at(-1)).toMatchObject({ state: 'done', window: { summary: null } })
    expect(asker.requests.at(-1)?.messages.at(-1)?.content).toBe(long)
  })

  it('packs under what the one who answers has room for, whatever it was before', async () => {
    const conversations = await threeTurns('drop')
    const read = () => asker.requests.at(-1)?.messages.length
    expect(read()).toBe(3)
    // Another worker, with more room, and one with less.
    asker.contextPositions = 1_000
    await conversations.send(long)
    expect(read()).toBe(7)
    asker.contextPositions = 50
    await conversations.send(long)
    expect(read()).toBe(1)
  })

  it('leaves the oldest out where no summary came', async () => {
    asker.contextPositions = 100
    const conversations = make()
    await conversations.setSettings({ ...DEFAULT_SETTINGS, contextEnd: 'summarise', answerTokensMax: 10 })
    asker.script = ({ messages }) =>
      messages.at(-1)?.content.startsWith('Summarise')
        ? [{ kind: 'end', reason: 'error', usage: NO_USAGE, code: 'gpu-error' }]
        : textEvents('Fine.')
    for (const _ of [1, 2, 3]) await conversations.send(long)
    const last = conversations.view.open.branch.at(-1)
    expect(last).toMatchObject({ state: 'done', window: { summary: null } })
    expect(last?.role === 'assistant' && last.window.fromId).toBeTruthy()
  })
})

describe('the list', () => {
  it('renames, deletes, brings back, and forgets for good after a while', async () => {
    vi.useFakeTimers()
    try {
      const conversations = make()
      await conversations.send('One')
      const { id } = conversations.view.open.conversation
      await conversations.rename(id, '  Better \n name ')
      expect(conversations.view.list[0]?.title).toBe('Better name')
      await conversations.remove([id])
      expect(conversations.view.list).toEqual([])
      expect(conversations.view.deleted.map((one) => one.id)).toEqual([id])
      expect(conversations.view.open.isNew).toBe(true)
      await conversations.restore([id])
      expect(conversations.view.list.length).toBe(1)
      await vi.advanceTimersByTimeAsync(DELETED_KEPT_MS + 1)
      expect(conversations.view.list.length).toBe(1)
      await conversations.remove([id])
      await vi.advanceTimersByTimeAsync(DELETED_KEPT_MS + 1)
      expect(conversations.view.deleted).toEqual([])
      expect(await store.conversations()).toEqual({ ok: true, value: [] })
      expect(await store.messagesOf(id)).toEqual({ ok: true, value: [] })
    } finally {
      vi.useRealTimers()
    }
  })

  it('is searched in what was said, but not in what was deleted', async () => {
    const conversations = make()
    await conversations.send('Where is the Café?')
    const { id } = conversations.view.open.conversation
    const never = new AbortController().signal
    const found = async () => {
      const hits = await conversations.search('cafe', never)
      return hits.ok ? hits.value.length : -1
    }
    expect(await found()).toBe(1)
    await conversations.remove([id])
    expect(await found()).toBe(0)
    await conversations.close()
  })

  it('says that a conversation is not here', async () => {
    expect(await make().show('nowhere')).toMatchObject({ code: 'conversation-unknown' })
  })
})

describe('export and import', () => {
  it('carry everything to another browser; what is here already comes in beside it', async () => {
    const conversations = make()
    await conversations.send('One')
    await conversations.regenerate(lastOf(conversations))
    const file = await conversations.files.write()
    expect(file.ok).toBe(true)
    if (!file.ok) return
    const other = make(new MemoryConversations(null))
    expect(await other.files.read(file.value)).toEqual({ ok: true, value: 1 })
    const { id } = conversations.view.open.conversation
    await other.show(id)
    expect(shown(other)).toEqual(shown(conversations))
    expect(await other.files.read(file.value)).toEqual({ ok: true, value: 1 })
    expect(other.view.list.length).toBe(2)
    const copy = other.view.list.find((one) => one.id !== id)?.id ?? ''
    await other.show(copy)
    expect(shown(other)).toEqual(shown(conversations))
    expect(other.view.open.children.size).toBe(conversations.view.open.children.size)
  })

  it('stay on this device, whatever the file says', async () => {
    const conversations = make()
    await conversations.send('One')
    await conversations.setScope('anyone')
    const exported = await conversations.files.write()
    if (!exported.ok) throw new Error(exported.code)
    expect(exported.value).toContain('"anyone"')
    const other = make(new MemoryConversations(null))
    expect(await other.files.read(exported.value)).toEqual({ ok: true, value: 1 })
    await other.show(conversations.view.open.conversation.id)
    expect(other.view.open.conversation.scope).toBe('device')
  })

  it('refuse what is no export', async () => {
    expect(await make().files.read('{}')).toMatchObject({ code: 'import-invalid' })
  })
})
