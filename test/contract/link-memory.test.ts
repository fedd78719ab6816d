/** The contract of links over channels in memory, under a clock that the test moves. */
import { PipeLink } from '../../web/mesh/link.ts'
import { ChannelPipe } from '../../web/mesh/pipe.ts'
import { CONTROL_BYTES_MAX } from '../../web/wire/limits/links.ts'
import { MemoryChannel } from '../support/memory-channel.ts'
import { SimClock } from '../support/sim-clock.ts'
import { linkSuite } from './link.suite.ts'

linkSuite('in memory', async () => {
  const clock = new SimClock()
  const line = { later: clock.later, delayMs: 20, bytesPerMs: 10_000 }
  const [controlA, controlB] = MemoryChannel.pair(line)
  const [tensorsA, tensorsB] = MemoryChannel.pair(line)
  const nowMs = () => clock.nowMs
  return {
    a: new PipeLink('b', new ChannelPipe(controlA, CONTROL_BYTES_MAX), new ChannelPipe(tensorsA), nowMs),
    b: new PipeLink('a', new ChannelPipe(controlB, CONTROL_BYTES_MAX), new ChannelPipe(tensorsB), nowMs),
    async until(condition) {
      if (!(await clock.until(condition))) throw new Error('nothing is on its way any more')
    },
  }
})
