/**
 * A conversation whose answer has begun, rendered by the templates that MLC models carry, and compared with the same
 * prompt written by hand. Templates are those of the models named in each row, as MLC publishes them.
 */
import { describe, expect, it } from 'vitest'
import { begunPrompt, prefixText, shieldDollars } from '../../../web/webllm/begun-prompt.ts'
import { type ConversationTemplate, parseChatSettings } from '../../../web/webllm/chat-settings.ts'
import type { ChatMessage } from '../../../web/wire/chat.ts'

const FILLED = { user: '{user_message}', assistant: '{assistant_message}', tool: '{tool_message}' }

function templateOf(conv_template: object): ConversationTemplate {
  const config = { context_window_size: 2048, tokenizer_files: ['tokenizer.json'], conv_template }
  const parsed = parseChatSettings(new TextEncoder().encode(JSON.stringify(config)))
  if (!parsed.ok || !parsed.value.template) throw new Error('the template is refused')
  return parsed.value.template
}

const CHATML = templateOf({
  system_template: '<|im_start|>system\n{system_message}<|im_end|>\n',
  system_message: 'You are helpful.',
  roles: { user: '<|im_start|>user', assistant: '<|im_start|>assistant' },
  role_templates: FILLED,
  seps: ['<|im_end|>\n'],
  role_content_sep: '\n',
  role_empty_sep: '\n',
})
const LLAMA_3 = templateOf({
  system_template: '<|start_header_id|>system<|end_header_id|>\n\n{system_message}<|eot_id|>',
  system_message: 'You are helpful.',
  system_prefix_token_ids: [128000],
  roles: { user: '<|start_header_id|>user', assistant: '<|start_header_id|>assistant' },
  role_templates: FILLED,
  seps: ['<|eot_id|>'],
  role_content_sep: '<|end_header_id|>\n\n',
  role_empty_sep: '<|end_header_id|>\n\n',
})
const PHI_3 = templateOf({
  system_template: '<|system|>\n{system_message}<|end|>\n',
  system_message: 'You are helpful.',
  system_prefix_token_ids: [1],
  roles: { user: '<|user|>', assistant: '<|assistant|>' },
  role_templates: FILLED,
  seps: ['<|end|>\n'],
  role_content_sep: '\n',
  role_empty_sep: '\n',
})
const GEMMA = templateOf({
  system_template: '{system_message}',
  system_message: '',
  system_prefix_token_ids: [2],
  roles: { user: '<start_of_turn>user', assistant: '<start_of_turn>model' },
  role_templates: FILLED,
  seps: ['<end_of_turn>\n'],
  role_content_sep: '\n',
  role_empty_sep: '\n',
})
const LLAMA_2 = templateOf({
  system_template: '[INST] <<SYS>>\n{system_message}\n<</SYS>>\n\n',
  system_message: 'You are helpful.',
  roles: { user: '<s>[INST]', assistant: '[/INST]' },
  seps: [' ', ' </s>'],
  role_content_sep: ' ',
  role_empty_sep: ' ',
  add_role_after_system_message: false,
})
const BARE = templateOf({ roles: { user: 'User', assistant: 'AI' }, seps: ['\n'], system_template: '{system_message}' })

const user = (content: string): ChatMessage => ({ role: 'user', content })
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content })
const system = (content: string): ChatMessage => ({ role: 'system', content })

function rendered(template: ConversationTemplate, messages: readonly ChatMessage[], begun = 'The sea', prefix = '') {
  const prompt = begunPrompt(template, messages, begun, prefix)
  return prompt.ok ? prompt.value : prompt.code
}

describe('the prompt of a begun answer', () => {
  it.each([
    [
      'chatml with its own system message',
      CHATML,
      [user('Hi')],
      '<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nThe sea',
    ],
    [
      'chatml over three turns',
      CHATML,
      [system('Short.'), user('Hi'), assistant('Yes?'), user('Go')],
      '<|im_start|>system\nShort.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n' +
        '<|im_start|>user\nGo<|im_end|>\n<|im_start|>assistant\nThe sea',
    ],
    [
      'llama 3',
      LLAMA_3,
      [user('Hi')],
      '<|start_header_id|>system<|end_header_id|>\n\nYou are helpful.<|eot_id|>' +
        '<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nThe sea',
    ],
    ['phi 3', PHI_3, [system('S'), user('Hi')], '<|system|>\nS<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nThe sea'],
    [
      'gemma, whose system message is empty',
      GEMMA,
      [user('Hi')],
      '<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nThe sea',
    ],
    [
      'llama 2, whose first message follows the system without a role and whose separators take turns',
      LLAMA_2,
      [user('Hi'), assistant('Yes?'), user('Go')],
      '[INST] <<SYS>>\nYou are helpful.\n<</SYS>>\n\nHi [/INST] Yes? </s><s>[INST] Go [/INST] The sea',
    ],
    ['a template that says little: `: ` after each role', BARE, [user('Hi')], 'User: Hi\nAI: The sea'],
  ])('%s', (_, template, messages, expected) => {
    expect(rendered(template, messages)).toBe(expected)
  })

  it('keeps what means something to String.replace', () => {
    const price = "$$ $& $' $` {user_message}"
    expect(rendered(CHATML, [system(price), user(price)], price)).toBe(
      `<|im_start|>system\n${price}<|im_end|>\n<|im_start|>user\n${price}<|im_end|>\n<|im_start|>assistant\n${price}`,
    )
  })

  it('leaves out an empty system message where the template says so', () => {
    const silent = templateOf({ ...CHATML, system_message: '', render_empty_system_message: false })
    expect(rendered(silent, [user('Hi')])).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nThe sea')
  })

  it.each([
    ['without a message', []],
    ['that ends with the assistant', [user('Hi'), assistant('Yes?')]],
    ['with a second system message', [user('Hi'), system('S'), user('Go')]],
  ])('refuses a conversation %s', (_, messages) => {
    expect(rendered(CHATML, messages)).toBe('request-invalid')
  })
})

describe('the begin token', () => {
  it('is written as the tokenizer writes it', () => {
    const tokenizer = { added_tokens: [{ id: 128000, content: '<|begin_of_text|>' }] }
    const prefix = prefixText(LLAMA_3, tokenizer)
    expect(prefix).toBe('<|begin_of_text|>')
    expect(rendered(LLAMA_3, [user('Hi')], '', prefix)).toMatch(/^<\|begin_of_text\|><\|start_header_id\|>system/)
  })

  it('is nothing where the template has none, or the tokenizer does not know it', () => {
    expect(prefixText(CHATML, { added_tokens: [{ id: 1, content: '<s>' }] })).toBe('')
    for (const tokenizer of [null, {}, { added_tokens: 'x' }, { added_tokens: [null, { id: 128000 }] }])
      expect(prefixText(LLAMA_3, tokenizer)).toBe('')
  })
})

describe('messages for the chat interface', () => {
  it('arrive as they were written after its String.replace', () => {
    const text = "cost $$5, match $& and $' `$`"
    const [given] = shieldDollars(CHATML, [user(text)])
    // What WebLLM 0.2.86 does with it.
    expect('{user_message}'.replace('{user_message}', given?.content ?? '')).toBe(text)
  })

  it('are left alone where no template is filled', () => {
    expect(shieldDollars(LLAMA_2, [user('$$')])).toEqual([user('$$')])
    expect(shieldDollars(LLAMA_2, [system('$')])).toEqual([system('$$')])
  })
})

describe('the settings of a model', () => {
  const parse = (value: unknown) => parseChatSettings(new TextEncoder().encode(JSON.stringify(value)))
  const good = { context_window_size: 2048, tokenizer_files: ['tokenizer.json'] }

  it('may have no conversation, as those of an embedding model', () => {
    expect(parse(good)).toMatchObject({ ok: true, value: { template: null, contextWindow: 2048, slidingWindow: -1 } })
  })

  it.each([
    ['no object', []],
    ['no context', { ...good, context_window_size: undefined }],
    ['a context of no tokens', { ...good, context_window_size: 0 }],
    ['a context in words', { ...good, context_window_size: '4k' }],
    ['no tokenizer', { ...good, tokenizer_files: undefined }],
    ['roles that are no text', { ...good, conv_template: { roles: { user: 1, assistant: 2 }, seps: ['\n'] } }],
    ['no separators', { ...good, conv_template: { roles: { user: 'U', assistant: 'A' }, seps: [] } }],
  ])('are refused with %s', (_, value) => {
    expect(parse(value)).toMatchObject({ ok: false, code: 'manifest-invalid' })
  })

  it('are refused where they are not JSON', () => {
    expect(parseChatSettings(new TextEncoder().encode('<html>'))).toMatchObject({ code: 'manifest-invalid' })
  })
})
