/** What the operator sends: who may, what is read of it, and that a deed is written down before it is done. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OPERATOR_BODY_BYTES_MAX } from '../../../signal/config.ts'
import { HTTP_REFUSALS, type HttpRefusal } from '../../../signal/http-routes.ts'
import { Audit } from '../../../signal/operator/audit.ts'
import { OperatorRouter } from '../../../signal/operator/router.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import { quietWatch } from '../../support/quiet-watch.ts'

const TOKEN = 'a-token-of-the-operator-0123'

let folder: string
let audit: Audit
let server: Server
let url: string
/** The disk of the log. */
let full: boolean
/** What was done, with the newest line of the log by then. */
let done: (readonly [body: unknown, name: string | undefined, audited: string | undefined])[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-operator-'))
  audit = await Audit.open(folder, Date.now)
  done = []
  full = false
  const written: Pick<Audit, 'record'> = {
    record: async (...line) => (full ? fail('not-kept', '') : audit.record(...line)),
  }
  const refuse = (response: ServerResponse, refusal: HttpRefusal) => {
    response.statusCode = HTTP_REFUSALS[refusal][0]
    response.end()
  }
  const router = new OperatorRouter({ token: TOKEN, watch: quietWatch(), audit: written, refuse }, [
    { method: 'GET', path: /^things$/, answer: async ({ query }) => ok({ asked: query.get('a') }) },
    { method: 'GET', path: /^gone$/, answer: async () => fail('partner-unknown', '') },
    {
      method: 'POST',
      path: /^things\/(\w+)$/,
      deed({ names: [name], body }) {
        if (body === 'wrong') return fail('request-invalid', 'It is wrong.')
        const act = async () => {
          done.push([body, name, audit.read(null, 1)[0]?.subject])
          return body === 'clash' ? fail('posting-taken', '') : ok({ done: true })
        }
        return ok({ action: 'audit-read', subject: `thing ${name}`, act })
      },
    },
  ])
  server = createServer((request, response) => {
    const pathname = request.url?.split('?', 1)[0] ?? ''
    void router.serve({ name: 'one', request, response }, pathname)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/operator`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await audit.close()
  await rm(folder, { recursive: true, force: true })
})

const AS_OPERATOR = { authorization: `Bearer ${TOKEN}` }

async function post(body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  const answer = await fetch(`${url}/things/7`, { method: 'POST', body, headers: { ...AS_OPERATOR, ...headers } })
  return [answer.status, ((await answer.json()) as { code?: string }).code] as const
}

it('is for the operator, whatever is asked', async () => {
  for (const path of ['/things', '/things/7', '/nothing'])
    expect((await fetch(url + path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401)
  expect((await fetch(`${url}/things`)).headers.get('www-authenticate')).toBe('Bearer')
  expect(done).toEqual([])
})

it('reads what is asked, and says what is not there', async () => {
  const ask = async (path: string, method = 'GET') => fetch(url + path, { method, headers: AS_OPERATOR })
  expect(await (await ask('/things?a=b%20c')).json()).toEqual({ asked: 'b c' })
  expect([(await ask('/gone')).status, (await ask('/nothing')).status]).toEqual([404, 404])
  const wrong = await ask('/things', 'DELETE')
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET'])
  expect((await ask('/things')).headers.get('cache-control')).toBe('no-store')
})

describe('a deed', () => {
  it('is in the audit log before it is done', async () => {
    expect(await post('{"a":1}')).toEqual([200, undefined])
    expect(done).toEqual([[{ a: 1 }, '7', 'thing 7']])
  })

  it('is not done where it cannot be written down', async () => {
    full = true
    expect(await post('{"a":1}')).toEqual([503, 'not-kept'])
    expect(done).toEqual([])
  })

  it('is neither written down nor done where it is wrong', async () => {
    expect(await post('"wrong"')).toEqual([400, 'request-invalid'])
    expect(await post('{"a":')).toEqual([400, 'request-invalid'])
    expect(await post('{}', { 'content-type': 'text/plain' })).toEqual([400, 'request-invalid'])
    expect([done, audit.read(null, 1)]).toEqual([[], []])
  })

  it('says why it was not done', async () => {
    expect(await post('"clash"')).toEqual([409, 'posting-taken'])
  })

  it('is refused before more of it comes than is read', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { ...AS_OPERATOR, 'content-type': 'application/json' }
      const sending = request(`${url}/things/7`, { method: 'POST', headers }, (answer) => {
        resolve(answer.statusCode)
        sending.destroy()
      })
      sending.on('error', reject)
      // It never ends: an answer says that nobody waited for its end.
      sending.write('"'.padEnd(OPERATOR_BODY_BYTES_MAX + 1, 'x'))
    })
    expect([status, done]).toEqual([400, []])
  })
})
