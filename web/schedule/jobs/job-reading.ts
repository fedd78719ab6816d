/**
 * How much of what a worker sent of a job was read, and what is left for a reader who has come so far: the most that its
 * asker may still come back for.
 */
export class JobReading {
  #sent = 0
  #read = 0
  #left: number
  /** After each part that was sent and not read. */
  readonly #lefts: number[] = []

  /** `left`: before anything was read, as `JobWork.left` counts it. */
  constructor(left: number) {
    this.#left = left
  }

  get sent(): number {
    return this.#sent
  }

  get unread(): number {
    return this.#lefts.length
  }

  get left(): number {
    return this.#left
  }

  /** One more part; `left`: for whoever has read it. */
  send(left: number): void {
    this.#sent += 1
    this.#lefts.push(left)
  }

  /** Parts before this one were read. False where so many were not sent. */
  ack(parts: number): boolean {
    if (parts > this.#sent) return false
    while (this.#read < parts) {
      this.#read += 1
      this.#left = this.#lefts.shift() ?? this.#left
    }
    return true
  }
}
