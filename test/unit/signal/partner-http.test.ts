/** Partner keys over HTTP: what the operator makes, which frame a page gets and who may show it, and what a key says to a visitor. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PARTNER_RATES } from '../../../signal/config.ts'
import {
  type PartnerRecord,
  type PartnerWish,
  parsePartner,
  parsePartnerDays,
  parsePartners,
  parsePartnerView,
  writePartner,
} from '../../../web/wire/partner-keys.ts'
import { startTestServer, type TestServer } from '../../support/server.ts'

const TOKEN = 'a-token-of-the-operator-0123'
const AS_OPERATOR = { 'authorization': `Bearer ${TOKEN}`, 'content-type': 'application/json' }
const SITE = 'https://garden.example'
const WISH: PartnerWish = {
  site: 'Garden',
  origins: [SITE, 'http://localhost:8080'],
  models: [],
  scope: 'any',
  system: 'Be short.',
  suggested: ['Roses?'],
  payer: null,
  dailyMicro: 0n,
}

let folder: string
let server: TestServer
let key: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-partner-'))
  const appDir = join(folder, 'app')
  await mkdir(appDir)
  for (const name of ['index', 'widget', 'widget-refused'])
    await writeFile(join(appDir, `${name}.html`), `<!doctype html><head><title>${name}</title></head>`)
  const partnerRates = { ...PARTNER_RATES, 'partner-http': { perSecond: 1e-3, burst: 30 } }
  server = await startTestServer({ dataDir: folder, appDir, operatorToken: TOKEN, partnerRates })
  key = (await made()).id
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

const ask = (path: string, init: RequestInit = {}) => fetch(server.url + path, init)

async function post(path: string, body: unknown) {
  const answer = await ask(`/operator/partners${path}`, {
    method: 'POST',
    headers: AS_OPERATOR,
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: (await answer.json()) as unknown }
}

async function made(more: Partial<PartnerWish> = {}): Promise<PartnerRecord> {
  const { body } = await post('', writePartner({ ...WISH, ...more }))
  const record = parsePartner(body)
  if (!record.ok) throw new Error(record.detail)
  return record.value
}

async function frame(query: string, referer?: string) {
  const answer = await ask(`/widget.html${query}`, referer === undefined ? {} : { headers: { referer } })
  const text = await answer.text()
  const policy = answer.headers.get('content-security-policy') ?? ''
  return {
    status: answer.status,
    title: /<title>(.*)<\/title>/.exec(text)?.[1],
    refused: /<meta name="weft-refused" content="([a-z-]+)">/.exec(text)?.[1],
    ancestors: /frame-ancestors ([^;]*)/.exec(policy)?.[1],
    policy,
    headers: answer.headers,
  }
}

describe('the operator', () => {
  it('makes, changes, lists and revokes keys, each written down first', async () => {
    const { id } = await made({ site: 'First' })
    const changed = await post(`/${id}`, writePartner({ ...WISH, site: 'Second' }))
    expect(parsePartner(changed.body)).toMatchObject({ value: { id, site: 'Second', revokedMs: null } })
    const revoked = await post(`/${id}/revoke`, {})
    expect(parsePartner(revoked.body)).toMatchObject({ value: { id, revokedMs: expect.any(Number) } })
    expect(await post(`/${id}`, writePartner(WISH))).toMatchObject({ status: 409, body: { code: 'partner-revoked' } })
    const list = parsePartners(await (await ask('/operator/partners', { headers: AS_OPERATOR })).json())
    expect(list.ok && list.value.filter((one) => one.id === id)).toMatchObject([{ site: 'Second' }])
    const usage = await ask(`/operator/partners/${id}/usage?days=7`, { headers: AS_OPERATOR })
    expect(parsePartnerDays(await usage.json())).toEqual({ ok: true, value: [] })
    const audit = (await (await ask('/operator/audit', { headers: AS_OPERATOR })).json()) as {
      lines: { action: string; subject: string }[]
    }
    const about = audit.lines.filter(({ subject }) => subject === id).map(({ action }) => action)
    expect(about).toEqual(['partner-changed', 'partner-revoked', 'partner-changed', 'partner-made'])
  })

  it('alone may', async () => {
    for (const path of ['/operator/partners', `/operator/partners/${key}/usage`])
      expect((await ask(path)).status).toBe(401)
    const body = JSON.stringify(writePartner(WISH))
    const headers = { 'content-type': 'application/json' }
    expect((await ask(`/operator/partners/${key}/revoke`, { method: 'POST', headers, body })).status).toBe(401)
  })

  it.each([
    ['', { ...writePartner(WISH), origins: ['http://garden.example'] }, 400],
    ['', { site: 'x' }, 400],
    ['/nothing', writePartner(WISH), 404],
    [`/wk_${'x'.repeat(22)}/revoke`, {}, 404],
  ])('is told what is wrong: %s %j', async (path, body, status) => {
    expect((await post(path, body)).status).toBe(status)
  })
})

describe('the frame', () => {
  it('is for the pages that the key names, and for no other', async () => {
    const own = await frame(`?key=${key}`, `${SITE}/`)
    expect([own.status, own.title, own.ancestors, own.refused]).toEqual([
      200,
      'widget',
      `${SITE} http://localhost:8080`,
      undefined,
    ])
    expect(Object.fromEntries(own.headers)).toMatchObject({
      'cross-origin-resource-policy': 'cross-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cache-control': 'no-store',
    })
    expect(own.headers.get('x-frame-options')).toBeNull()
    // A browser that sends no word of where it is keeps to the header.
    expect(await frame(`?key=${key}`)).toMatchObject({ title: 'widget', ancestors: own.ancestors })
  })

  it.each([
    'https://elsewhere.example/',
    'https://garden.example.elsewhere.example/',
    'http://garden.example/',
    'nonsense',
  ])('on %s runs nothing and says why', async (referer) => {
    const other = await frame(`?key=${key}`, referer)
    expect(other).toMatchObject({ status: 403, title: 'widget-refused', refused: 'partner-origin', ancestors: '*' })
    expect(other.policy).toContain(`default-src 'none'`)
    expect(other.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
  })

  it('of a key that is unknown, revoked or none says so, whatever else the address says', async () => {
    const { id } = await made()
    await post(`/${id}/revoke`, {})
    const queries = [`?key=${id}`, `?key=wk_${'x'.repeat(22)}`, '', `?key=${id}&refused=partner-origin`]
    const seen = await Promise.all(queries.map((query) => frame(query, `${SITE}/`)))
    expect(seen.map(({ status, refused }) => [status, refused])).toEqual([
      [410, 'partner-revoked'],
      [404, 'partner-unknown'],
      [404, 'partner-unknown'],
      [410, 'partner-revoked'],
    ])
    expect(seen.every(({ title }) => title === 'widget-refused')).toBe(true)
  })
})

describe('a key', () => {
  it('says to a visitor what it may know', async () => {
    const answer = await ask(`/partner.json?key=${key}`)
    const { payer: _, dailyMicro: __, ...said } = WISH
    expect(parsePartnerView(await answer.json())).toEqual({ ok: true, value: { ...said, state: 'open' } })
    expect((await ask(`/partner.json?key=${key}`, { method: 'POST' })).status).toBe(405)
  })

  it('without budget says that', async () => {
    const { id } = await made({ payer: `ed25519:${'A'.repeat(43)}`, dailyMicro: 5n })
    expect(await (await ask(`/partner.json?key=${id}`)).json()).toMatchObject({ state: 'partner-budget' })
  })

  it('that is none is refused by a code', async () => {
    const { id } = await made()
    await post(`/${id}/revoke`, {})
    const codes = await Promise.all(
      [`?key=${id}`, `?key=wk_${'x'.repeat(22)}`, '?key=', ''].map(async (query) => {
        const answer = await ask(`/partner.json${query}`)
        return [answer.status, ((await answer.json()) as { code: string }).code]
      }),
    )
    const unknown = [404, 'partner-unknown']
    expect(codes).toEqual([[410, 'partner-revoked'], unknown, unknown, unknown])
  })

  it('is had by others also where one address asks for it as fast as it can', async () => {
    const partnerRates = { ...PARTNER_RATES, 'partner-address': { perSecond: 1e-3, burst: 3 } }
    const own = await startTestServer({ partnerRates, proxies: 1 })
    const from = async (address: string) => {
      const headers = { 'x-forwarded-for': address }
      return (await fetch(`${own.url}/partner.json?key=wk_${'x'.repeat(22)}`, { headers })).status
    }
    const statuses: number[] = []
    for (let asked = 0; asked < 5; asked += 1) statuses.push(await from('203.0.113.7'))
    expect(statuses).toEqual([404, 404, 404, 429, 429])
    expect(await from('198.51.100.9')).toBe(404)
    await own.close()
  })

  it('that is asked for too much makes who asks wait, and no other key', async () => {
    const { id } = await made()
    let answer = await ask(`/partner.json?key=${id}`)
    for (let asked = 0; answer.status === 200 && asked < 100; asked += 1) answer = await ask(`/partner.json?key=${id}`)
    expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([429, true])
    expect((await ask(`/widget.html?key=${id}`)).status).toBe(429)
    expect((await ask(`/partner.json?key=${(await made()).id}`)).status).toBe(200)
    const figures = await (await ask('/metrics', { headers: AS_OPERATOR })).text()
    expect(figures).toMatch(/weft_limited_total\{place="partner-http"\} [1-9]/)
    expect(figures).not.toContain(id)
  })
})
