/** The contract of links over channels in memory, under a clock that the test moves. */
import { PipeLink } from '../../web/mesh/link.ts'
import { ChannelPipe } from '../../web/mesh/pipe.ts'
import { MemoryChannel } from '../support/memory-channel.ts'
import { SimClock } from '../support/sim-clock.ts'
import { linkSuite } from './link.suite.ts'

linkSuite('in memory', async () => {
  const clock = new SimClock()
  const line = { later: clock.later, delayMs: 20, bytesPerMs: 10_000 }
  const [controlA, controlB] = MemoryChannel.pair(line)
  const [tensorsA, tensorsB] = MemoryChannel.pair(line)
  return {
    a: new PipeLink('b', new ChannelPipe(controlA), new ChannelPipe(tensorsA)),
    b: new PipeLink('a', new ChannelPipe(controlB), new ChannelPipe(tensorsB)),
    async until(condition) {
      if (!(await clock.until(condition))) throw new Error('nothing is on its way any more')
    },
  }
})
