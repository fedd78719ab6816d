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

interface AdapterClass {
  readonly prototype: { requestDevice(descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> }
}

/** `adapterClass`: the worker's `GPUAdapter`; undefined where there is no WebGPU. */
export function watchGpu(adapterClass: AdapterClass | undefined): GpuWatch {
  const watch: { lost: string | null; outOfMemory: string | null } = { lost: null, outOfMemory: null }
  if (!adapterClass) return watch
  const { prototype } = adapterClass
  const request = prototype.requestDevice
  prototype.requestDevice = async function requestDevice(this: GPUAdapter, descriptor) {
    const device = await request.call(this, descriptor)
    // Never rejects; the worker ends before this can be news to nobody.
    void device.lost.then(({ reason, message }) => {
      watch.lost ??= `${reason}${message === '' ? '' : `: ${message}`}`
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
