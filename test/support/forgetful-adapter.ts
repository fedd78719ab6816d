/** An adapter class whose devices refuse all memory: no test machine may be brought to that for real. */

export class OutOfMemory {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

export class ForgetfulAdapter {
  async requestDevice(): Promise<GPUDevice> {
    const device = {
      lost: new Promise(() => {}),
      popErrorScope: async () => new OutOfMemory('There is no room for 512 MB.'),
    }
    return device as unknown as GPUDevice
  }
}
