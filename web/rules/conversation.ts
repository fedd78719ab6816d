/**
 * The rules of a conversation: which messages a branch has, what the model is sent, how it is titled, searched and
 * written as Markdown. Pure: ids, times and messages come in, values go out.
 */
import type { ChatMessage } from '../wire/chat.ts'
import type { Answer, Attachment, Conversation, Message, Question, ReadWindow } from '../wire/conversation.ts'
import { TITLE_CHARACTERS_MAX } from '../wire/limits/conversations.ts'

/** Messages by id. */
export type MessageTree = ReadonlyMap<string, Message>

/** From the first message to `leafId`. A parent that is missing (a damaged import) ends the walk there. */
export function branchTo(tree: MessageTree, leafId: string | null): readonly Message[] {
  const branch: Message[] = []
  const seen = new Set<string>()
  for (let at = leafId; at !== null && !seen.has(at); ) {
    const message = tree.get(at)
    if (!message) break
    seen.add(at)
    branch.push(message)
    at = message.parentId
  }
  return branch.reverse()
}

/** Siblings of every message at once, by parent (`''` for the first messages). */
export function childrenByParent(messages: Iterable<Message>): ReadonlyMap<string, readonly Message[]> {
  const found = new Map<string, Message[]>()
  for (const message of messages) {
    const key = message.parentId ?? ''
    const list = found.get(key)
    if (list) list.push(message)
    else found.set(key, [message])
  }
  for (const list of found.values()) list.sort(byAge)
  return found
}

/** Where a branch that was left goes on: down along the newest messages. */
export function newestLeafBelow(tree: MessageTree, id: string): string {
  const children = childrenByParent(tree.values())
  let at = id
  for (;;) {
    const next = children.get(at)?.at(-1)
    if (!next) return at
    at = next.id
  }
}

function byAge(a: Message, b: Message): number {
  return a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1)
}

/** The first line of the first message, cut at a word. */
export function titleFrom({ text, attachments }: Pick<Question, 'text' | 'attachments'>): string {
  const line = (text.trim() === '' ? (attachments[0]?.name ?? '') : text.trim()).split(/\r?\n/, 1)[0] ?? ''
  const words = line.replace(/\s+/g, ' ').trim()
  if (words.length <= TITLE_CHARACTERS_MAX) return words
  const cut = words.slice(0, TITLE_CHARACTERS_MAX)
  const border = cut.lastIndexOf(' ')
  // A pair of surrogates is not cut in two.
  return `${(border > TITLE_CHARACTERS_MAX / 2 ? cut.slice(0, border) : cut).replace(/[\ud800-\udbff]$/, '')}…`
}

/** A question as the model reads it: the files first, each in a fence that its text cannot close. */
export function contentOf({ text, attachments }: Pick<Question, 'text' | 'attachments'>): string {
  return [...attachments.map(fenced), text].filter((part) => part !== '').join('\n\n')
}

function fenced({ name, text }: Attachment): string {
  const longest = [...text.matchAll(/`{3,}/g)].reduce((most, [run]) => Math.max(most, run.length), 2)
  const fence = '`'.repeat(longest + 1)
  return `File ${name}:\n${fence}\n${text.replace(/\n$/, '')}\n${fence}`
}

const SUMMARY_INTRODUCTION = 'Summary of the conversation so far:'

/**
 * What the model is sent for a branch that ends with a question. A question whose answer is empty is left out with it:
 * two questions in a row confuse small models and break some templates. `window` leaves out the oldest part.
 */
export function promptOf(system: string, branch: readonly Message[], window: ReadWindow): readonly ChatMessage[] {
  const from =
    window.fromId === null
      ? 0
      : Math.max(
          0,
          branch.findIndex(({ id }) => id === window.fromId),
        )
  const introduction = [system, window.summary === null ? '' : `${SUMMARY_INTRODUCTION}\n${window.summary}`]
  const head = introduction.filter((part) => part !== '').join('\n\n')
  const messages: ChatMessage[] = head === '' ? [] : [{ role: 'system', content: head }]
  const part = branch.slice(from)
  const pinned = branch.slice(0, from).flatMap((message) => {
    return message.role === 'user' && window.pinnedIds?.includes(message.id) ? message.attachments : []
  })
  part.forEach((message, index) => {
    const next = part[index + 1]
    if (message.role === 'user') {
      if (next === undefined || (next.role === 'assistant' && next.text !== '')) {
        // Files of questions that are left out come with the first that is sent.
        const files = messages.some(({ role }) => role === 'user') ? [] : pinned
        messages.push({
          role: 'user',
          content: contentOf({ ...message, attachments: [...files, ...message.attachments] }),
        })
      }
    } else if (message.text !== '' && part[index - 1]?.role === 'user') {
      messages.push({ role: 'assistant', content: message.text })
    }
  })
  return messages
}

/** A branch for people to read elsewhere. */
export function branchToMarkdown({ title }: Pick<Conversation, 'title'>, branch: readonly Message[]): string {
  const parts = branch.map((message) =>
    message.role === 'user' ? `## You\n\n${contentOf(message)}` : `## ${nameOf(message)}\n\n${message.text}`,
  )
  return `${[`# ${title}`, ...parts].join('\n\n')}\n`
}

function nameOf({ answerer }: Answer): string {
  return answerer?.model ?? 'Answer'
}
