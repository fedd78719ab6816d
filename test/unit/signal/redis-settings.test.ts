/** Where several processes meet, as the settings say it: never with a ledger that is of one process. */
import { expect, it } from 'vitest'
import { readConfig } from '../../../signal/config.ts'

const DATABASE_URL = 'postgres://weft@127.0.0.1/weft'

it('REDIS_URL is read, and refused where it is none or the ledger is in a folder', () => {
  expect(readConfig({})).toMatchObject({ ok: true, value: { redisUrl: null } })
  for (const REDIS_URL of ['redis://127.0.0.1:6379', 'rediss://user:secret@redis.example/1']) {
    expect(readConfig({ REDIS_URL, DATABASE_URL })).toMatchObject({ ok: true, value: { redisUrl: REDIS_URL } })
    expect(readConfig({ REDIS_URL })).toMatchObject({ ok: false, code: 'request-invalid' })
  }
  const wrong = readConfig({ REDIS_URL: 'http://secret@redis.example', DATABASE_URL })
  expect(wrong).toMatchObject({ ok: false, code: 'request-invalid' })
  expect(JSON.stringify(wrong)).not.toContain('secret')
})
