/**
 * Makes a real tab lie: what its page sends over real data channels is another thing than its code meant. The product knows
 * nothing of it. Text for the page, since what a TypeScript runner adds to functions does not exist there.
 */
import { FRAMES_BURST_MAX } from '../../web/wire/limits/links.ts'

/** After the slice's header of 8 bytes: the type of a frame, and the first value of its payload. */
const SLICE_BYTES = 8
const TYPE_AT = SLICE_BYTES + 1
const VALUE_AT = SLICE_BYTES + 40
const HIDDEN = 3
const TOKEN = 5

/** What goes out for `bytes`, a whole frame of hidden states; `send` puts bytes on the channel. */
export const LIES = {
  'numbers that are none': `new DataView(bytes.buffer, bytes.byteOffset).setFloat32(${VALUE_AT}, NaN, true); send(bytes)`,
  'a frame twice': 'send(bytes); send(bytes)',
  'bytes that are no frame': 'send(crypto.getRandomValues(new Uint8Array(64)))',
  'more frames than any peer has reason to': `const stray = new Uint8Array(${SLICE_BYTES + 44})
    stray.set([0, 0, 0, 0, 0, 0, 0, 128, 1, ${TOKEN}])
    stray[${SLICE_BYTES + 28}] = 1
    stray[${SLICE_BYTES + 36}] = 4
    for (let count = 0; count <= ${4 * FRAMES_BURST_MAX}; count += 1) send(stray)
    send(bytes)`,
} as const

/** To be run in the page: its next frame of hidden states is a lie. */
export function lieOnce(lie: keyof typeof LIES): string {
  return `(() => {
    const { send } = RTCDataChannel.prototype
    RTCDataChannel.prototype.send = function (given) {
      const bytes = ArrayBuffer.isView(given) ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength).slice() : null
      if (bytes === null || bytes.length <= ${VALUE_AT} || bytes[${TYPE_AT}] !== ${HIDDEN} || this.label !== 'tensors') {
        return send.call(this, given)
      }
      RTCDataChannel.prototype.send = send
      ;((bytes, send) => { ${LIES[lie]} })(bytes, (own) => { if (this.readyState === 'open') send.call(this, own) })
    }
  })()`
}
