/** A GPU that gives a stated number of bytes and no more: the one part of a GPU that a test must control. */

export function smallGpu(bytes: number, bufferBytesMax = 2 ** 28): GPU {
  const limits = { maxBufferSize: bufferBytesMax, maxStorageBufferBindingSize: bufferBytesMax }
  const info = { vendor: 'test', architecture: '', device: '', description: 'small', isFallbackAdapter: false }
  const makeDevice = () => {
    let given = 0
    let refused = false
    return {
      createBuffer: ({ size }: { size: number }) => {
        refused = given + size > bytes
        if (!refused) given += size
        return { destroy: () => {} }
      },
      pushErrorScope: () => {},
      popErrorScope: async () => (refused ? { message: 'out of memory' } : null),
      destroy: () => {},
    }
  }
  const adapter = { info, limits, features: new Set<string>(), requestDevice: async () => makeDevice() }
  return { requestAdapter: async () => adapter } as unknown as GPU
}
