/**
 * One device for all stages of a test run, with each kernel compiled once: software drivers take seconds to compile what
 * a tiny model runs in milliseconds. Everything else reaches the real device. An error on it reaches every stage that
 * watches, so that none passes over another's fault. `destroy` does nothing here; recovery has its own tests.
 */

type Entries = Iterable<GPUBindGroupLayoutEntry>

/** Same description, same object. */
class Memo<T extends object> {
  private readonly made = new Map<string, T>()
  get(key: string, make: () => T): T {
    const known = this.made.get(key) ?? make()
    this.made.set(key, known)
    return known
  }
}

/** Reads go to the real object, except those that `own` answers. Native methods need their own `this`. */
function over<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get: (_, key) => {
      if (Reflect.has(own, key)) return Reflect.get(own, key)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
    set: (_, key, value) => Reflect.set(Reflect.has(own, key) ? own : target, key, value),
  })
}

function shareDevice(real: GPUDevice): GPUDevice {
  const numbers = new WeakMap<object, number>()
  let next = 0
  const number = (object: object) => {
    const known = numbers.get(object) ?? next++
    numbers.set(object, known)
    return known
  }
  const modules = new Memo<GPUShaderModule>()
  const layouts = new Memo<GPUBindGroupLayout>()
  const pipelineLayouts = new Memo<GPUPipelineLayout>()
  const pipelines = new Memo<Promise<GPUComputePipeline>>()
  const watchers = new Set<(event: GPUUncapturedErrorEvent) => unknown>()
  real.onuncapturederror = (event) => {
    for (const watcher of watchers) watcher(event)
  }
  const own: Partial<GPUDevice> = {
    createShaderModule: (descriptor) =>
      modules.get(descriptor.code, () => {
        const module = real.createShaderModule(descriptor)
        // Chromium never answers the second question about one module.
        const info = module.getCompilationInfo()
        Object.defineProperty(module, 'getCompilationInfo', { value: () => info })
        return module
      }),
    createBindGroupLayout: (descriptor) =>
      layouts.get(JSON.stringify([...(descriptor.entries as Entries)]), () => real.createBindGroupLayout(descriptor)),
    createPipelineLayout: (descriptor) => {
      const key = [...descriptor.bindGroupLayouts].map((layout) => (layout ? number(layout) : 'none')).join()
      return pipelineLayouts.get(key, () => real.createPipelineLayout(descriptor))
    },
    createComputePipelineAsync: (descriptor) => {
      const { layout, compute } = descriptor
      const at = layout === 'auto' ? layout : number(layout)
      const key = JSON.stringify([at, number(compute.module), compute.entryPoint, compute.constants])
      return pipelines.get(key, () => real.createComputePipelineAsync(descriptor))
    },
    destroy: () => undefined,
  }
  Object.defineProperty(own, 'onuncapturederror', {
    get: () => null,
    set: (watcher: (event: GPUUncapturedErrorEvent) => unknown) => watchers.add(watcher),
  })
  return over(real, own)
}

/** A GPU whose every adapter hands out the same device. */
export function sharedGpu(gpu: GPU): GPU {
  let shared: Promise<GPUDevice> | null = null
  const requestAdapter: GPU['requestAdapter'] = async (options) => {
    const adapter = await gpu.requestAdapter(options)
    if (!adapter) return null
    const requestDevice: GPUAdapter['requestDevice'] = (descriptor) => {
      shared ??= adapter.requestDevice(descriptor).then(shareDevice)
      return shared
    }
    return over(adapter, { requestDevice })
  }
  return over(gpu, { requestAdapter })
}
