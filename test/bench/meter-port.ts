/** Makes the meter of a worker and answers on the port that the page sends. */
import * as Comlink from 'comlink'
import { GpuMeter } from './gpu-meter.ts'

const meter = new GpuMeter(globalThis)

addEventListener('message', ({ data }: MessageEvent<{ meterPort?: unknown } | null>) => {
  if (data?.meterPort instanceof MessagePort) Comlink.expose(meter, data.meterPort)
})
