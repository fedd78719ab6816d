// Shared by every kernel: the frame being run and eight weights as floats. Prepended by `table.ts`.

struct Frame {
  position: u32, // of the first row
  rows: u32,
}
@group(0) @binding(0) var<uniform> frame: Frame;

// One unit: eight values along the input dimension.
struct Oct {
  lo: vec4f,
  hi: vec4f,
}

// f16 scale in the low half, f16 min in the high half of a scale word.
fn scale_and_min(word: u32) -> vec2f {
  return unpack2x16float(word);
}
