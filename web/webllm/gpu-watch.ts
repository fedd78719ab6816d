/**
 * Watches the devices that WebLLM takes, from outside: which one was lost and why, and whether the GPU said that it is
 * out of memory. WebLLM reports neither: it writes to the console, destroys the device and goes on. Takes no device.
 */

export interface GpuWatch {
  /** Set once a device was lost that nobody here destroyed on purpose. */
  readonly lost: string | null
  /** What the GPU said when it refused memory. WebLLM destroys the device right after, so this explains a loss. */
  readonly outOfMemory: string | null
}

/** How long an error waits for the news that would explain it: a call that fails because of a loss may fail before it. */
const NEWS_MS = 100

interface AdapterClass {
  readonly prototype: { requestDevice(descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> }
}

/** `adapterClass`: the worker's `GPUAdapter`; undefined where there is no WebGPU. */
export function watchGpu(adapterClass: AdapterClass | undefined): GpuWatch & { settle(): Promise<void> } {
  let heard: () => void = () => {}
  const news = new Promise<void>((resolve) => {
    heard = resolve
  })
  const watch = {
    lost: null as string | null,
    outOfMemory: null as string | null,
    /** Called once something failed, before anybody says why. */
    settle: () => Promise.race([news, new Promise<void>((resolve) => setTimeout(resolve, NEWS_MS))]),
  }
  if (!adapterClass) return watch
  const { prototype } = adapterClass
  const request = prototype.requestDevice
  prototype.requestDevice = async function requestDevice(this: GPUAdapter, descriptor) {
    const device = await request.call(this, descriptor)
    // Never rejects; the worker ends before this can be news to nobody.
    void device.lost.then(({ reason, message }) => {
      watch.lost ??= `${reason}${message === '' ? '' : `: ${message}`}`
      heard()
    })
    const pop = device.popErrorScope.bind(device)
    device.popErrorScope = async () => {
      const error = await pop()
      if (error instanceof GPUOutOfMemoryError) watch.outOfMemory ??= error.message || 'no room for a buffer'
      return error
    }
    return device
  }
  return watch
}
