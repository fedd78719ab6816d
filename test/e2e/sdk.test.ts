/**
 * The SDK on a page of Weft, with a real model and the built module: the examples of docs/SDK.md run as they stand, a schema
 * holds whatever the weights want to say, and what is refused says why.
 */
import type { Page } from 'playwright'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { WeftClient } from '../../web/sdk/client.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { useBrowser } from '../support/app-hooks.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import { docExamples } from '../support/doc-examples.ts'

const browser = useBrowser()
let server: AppServer
let page: Page

beforeAll(async () => {
  const tiny = tinyModel({ architecture: 'llama', types: 'Q4_1', seed: 5, contextLength: 2_048 })
  server = await serveModels({ tiny })
})
afterAll(() => server?.close())
beforeEach(async () => {
  page = await browser.open(server.url)
  page.setDefaultTimeout(200_000)
  await page.getByRole('textbox', { name: 'Message' }).waitFor()
  await page.evaluate('import("/sdk/weft.js").then((sdk) => { globalThis.sdk = sdk })')
})

/** What the module gives a page: the type of `createWeft` as the page sees it. */
declare global {
  var sdk: { createWeft(options?: { url?: string; scope?: string }): WeftClient }
}

it('runs the examples of its document as they stand', { timeout: 400_000 }, async () => {
  const blocks = await docExamples('SDK.md')
  expect(blocks.length).toBeGreaterThan(4)
  const code = blocks
    .join('\n')
    .replace("import { createWeft } from '/sdk/weft.js'", 'const { createWeft } = globalThis.sdk')
  expect(code).not.toContain('import ')
  const names = 'answer, text, more, data, person, short, label, own, found, first, second, german, polite'
  const result = await page.evaluate(`(async () => {\n${code}\nreturn { ${names} }\n})()`)
  expect(result).toMatchObject({
    answer: { object: 'chat.completion', weft: { engine: 'stage' }, usage: { completion_tokens: 12 } },
    text: expect.stringMatching(/./),
    more: { object: 'text_completion' },
    data: expect.arrayContaining([expect.objectContaining({ id: server.ids[0] })]),
    person: { name: expect.any(String), age: expect.any(Number) },
    short: expect.any(String),
    label: expect.stringMatching(/^(not )?spam$/),
    own: expect.stringMatching(/^(billing|shipping)$/),
    found: { age: expect.any(Number) },
    first: expect.any(String),
    second: expect.any(String),
    german: expect.any(String),
    polite: expect.any(String),
  })
})

describe('an answer by schema', () => {
  it('streams as it is drawn, fits with every seed, and says that a grammar held it', async () => {
    const seen = await page.evaluate(async () => {
      const weft = globalThis.sdk.createWeft()
      const schema = {
        type: 'object',
        properties: { tags: { type: 'array', items: { enum: ['red', 'blue'] }, minItems: 1, maxItems: 3 } },
        required: ['tags'],
        additionalProperties: false,
      }
      const answers = []
      for (let seed = 1; seed <= 4; seed += 1) {
        let text = ''
        let chunks = 0
        let held: unknown = null
        for await (const chunk of weft.chat.completions.create({
          messages: [{ role: 'user', content: 'Which colours?' }],
          response_format: { type: 'json_schema', json_schema: { name: 'tags', schema } },
          temperature: 1.5,
          seed,
          max_tokens: 60,
          stream: true,
        })) {
          text += chunk.choices[0]?.delta.content ?? ''
          chunks += 1
          held = chunk.weft?.schema ?? held
        }
        answers.push({ text, chunks, held })
      }
      return answers
    })
    for (const { text, chunks, held } of seen) {
      const { tags }: { tags: readonly string[] } = JSON.parse(text)
      expect(tags.length).toBeGreaterThanOrEqual(1)
      expect(tags.length).toBeLessThanOrEqual(3)
      for (const tag of tags) expect(['red', 'blue']).toContain(tag)
      expect(chunks).toBeGreaterThan(4)
      expect(held).toEqual({ grammar: true, tries: 1 })
    }
    expect(new Set(seen.map(({ text }) => text)).size).toBeGreaterThan(1)
  })

  it('is refused with the path, or where no answer fits into the limit', async () => {
    const codes = await page.evaluate(async () => {
      const weft = globalThis.sdk.createWeft()
      const ask = (schema: object, max_tokens = 60) =>
        weft.chat.completions
          .create({
            messages: [{ role: 'user', content: 'Hello' }],
            response_format: { type: 'json_schema', json_schema: { schema } },
            max_tokens,
          })
          .then(
            () => '',
            (error: { code?: string; message?: string }) => `${error.code} ${error.message}`,
          )
      return [
        await ask({ type: 'object', properties: { a: { type: 'string', pattern: 'x' } } }),
        await ask({ const: 'a text of more than ten characters' }, 5),
        await ask({ const: 'short' }),
      ]
    })
    expect(codes[0]).toMatch(/^schema-invalid .*#\/properties\/a\/pattern/)
    expect(codes[1]).toMatch(/^schema-unmet /)
    expect(codes[2]).toBe('')
  })
})

it('refuses another server, and a page where Weft is not open', async () => {
  const refusal = (url?: string) =>
    page.evaluate((given) => {
      try {
        globalThis.sdk.createWeft(given === undefined ? {} : { url: given })
        return ''
      } catch (error) {
        return String((error as { code?: string }).code)
      }
    }, url)
  expect(await refusal()).toBe('')
  expect(await refusal('https://other.example')).toBe('origin-foreign')
  // Of the same origin, and no app.
  await page.goto(`${server.url}/manifest.webmanifest`)
  await page.evaluate('import("/sdk/weft.js").then((sdk) => { globalThis.sdk = sdk })')
  expect(await refusal()).toBe('app-missing')
})
