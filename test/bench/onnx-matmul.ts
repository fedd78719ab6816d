/**
 * A chain of MatMulNBits nodes as an ONNX file, written by hand: the smallest model that shows onnxruntime-web's 4-bit
 * product. The protobuf fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

type Part = Uint8Array | readonly Part[]

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Uint8Array.from([...bytes, rest])
}

function size(part: Part): number {
  return part instanceof Uint8Array ? part.length : part.reduce((sum, inner) => sum + size(inner), 0)
}

const int = (field: number, value: number): Part => [varint(field * 8), varint(value)]
const message = (field: number, ...parts: Part[]): Part => [varint(field * 8 + 2), varint(size(parts)), parts]
const text = (field: number, value: string): Part => message(field, new TextEncoder().encode(value))

function flatten(part: Part, out: Uint8Array, at: number): number {
  if (part instanceof Uint8Array) {
    out.set(part, at)
    return at + part.length
  }
  return part.reduce<number>((next, inner) => flatten(inner, out, next), at)
}

const [FLOAT, UINT8] = [1, 2]
const BLOCK = 32

function tensor(name: string, type: number, dims: readonly number[], raw: Uint8Array): Part {
  return message(5, ...dims.map((dim) => int(1, dim)), int(2, type), text(8, name), message(9, raw))
}

function row(field: number, name: string, width: number): Part {
  const dims = [1, width].map((dim) => message(1, int(1, dim)))
  return message(field, text(1, name), message(2, message(1, int(1, FLOAT), message(2, ...dims))))
}

function node(index: number, width: number): Part {
  const attributes = { K: width, N: width, bits: 4, block_size: BLOCK, accuracy_level: 1 }
  return message(
    1,
    ...[`x${index}`, `w${index}`, `s${index}`].map((name) => text(1, name)),
    text(2, `x${index + 1}`),
    text(4, 'MatMulNBits'),
    ...Object.entries(attributes).map(([name, value]) => message(5, text(1, name), int(3, value), int(20, 2))),
    text(7, 'com.microsoft'),
  )
}

/** `x0 [1, width]` in, `x<count> [1, width]` out. */
export function matmulChain(width: number, count: number): Uint8Array<ArrayBuffer> {
  const blocks = width / BLOCK
  const nibbles = Uint8Array.from({ length: (width * width) / 2 }, (_, i) => (i * 37) & 255)
  const scales = new Uint8Array(new Float32Array(width * blocks).fill(1e-3).buffer)
  const each = <T>(make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))
  const graph = message(
    7,
    ...each((index) => node(index, width)),
    text(2, 'chain'),
    ...each((index) => tensor(`w${index}`, UINT8, [width, blocks, BLOCK / 2], nibbles)),
    ...each((index) => tensor(`s${index}`, FLOAT, [width * blocks], scales)),
    row(11, 'x0', width),
    row(12, `x${count}`, width),
  )
  const opset = (domain: string, version: number) => message(8, text(1, domain), int(2, version))
  const model: Part = [int(1, 8), graph, opset('', 17), opset('com.microsoft', 1)]
  const bytes = new Uint8Array(size(model))
  flatten(model, bytes, 0)
  return bytes
}
