/** Whose address counts behind proxies: never one that the visitor wrote itself. */
import { expect, it } from 'vitest'
import { readConfig } from '../../../signal/config.ts'
import { addressOf } from '../../../signal/sockets/address-of.ts'

it.each([
  ['no proxy', 'made up', 0, '10.0.0.1'],
  ['one proxy', '203.0.113.7', 1, '203.0.113.7'],
  ['one proxy, and a visitor that wrote the header itself', '198.51.100.1, 203.0.113.7', 1, '203.0.113.7'],
  ['two proxies', '198.51.100.1, 203.0.113.7, 10.0.0.2', 2, '203.0.113.7'],
  ['fewer entries than there are proxies', '203.0.113.7', 2, '10.0.0.1'],
  ['a header that says nothing', '', 1, '10.0.0.1'],
  ['no header', undefined, 1, '10.0.0.1'],
])('with %s', (_title, forwarded, proxies, address) => {
  expect(addressOf('10.0.0.1', forwarded, proxies)).toBe(address)
})

it('the number of proxies is read, and refused where it is none', () => {
  expect(readConfig({})).toMatchObject({ ok: true, value: { proxies: 0 } })
  expect(readConfig({ WEFT_PROXIES: '2' })).toMatchObject({ ok: true, value: { proxies: 2 } })
  for (const wrong of ['-1', '9', 'one', '1.5']) {
    expect(readConfig({ WEFT_PROXIES: wrong })).toMatchObject({ ok: false, code: 'request-invalid' })
  }
})
