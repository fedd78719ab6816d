/** The contract of links between a tab and itself. */
import { loopback } from '../../web/mesh/loopback.ts'
import { linkSuite } from './link.suite.ts'

const TURNS_MAX = 100

linkSuite('to itself', async () => {
  const [a, b] = loopback('a', 'b')
  return {
    a,
    b,
    async until(condition) {
      for (let turn = 0; turn < TURNS_MAX && !condition(); turn += 1) {
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (!condition()) throw new Error('nothing is on its way any more')
    },
  }
})
