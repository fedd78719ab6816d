// Layout q4: one word a unit (low nibbles of its bytes are weights 0..3, high ones 4..7), one scale word per four units.
// w = q * scale + min.

@group(0) @binding(2) var<storage, read> weights: array<u32>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

fn nibbles(word: u32) -> Oct {
  let spread = vec4u(word) >> vec4u(0u, 8u, 16u, 24u);
  return Oct(vec4f(spread & vec4u(15u)), vec4f((spread >> vec4u(4u)) & vec4u(15u)));
}

fn weights8(unit: u32) -> Oct {
  let q = nibbles(weights[unit]);
  let s = scale_and_min(scales[unit / 4u]);
  return Oct(q.lo * s.x + s.y, q.hi * s.x + s.y);
}

// Dot product of a unit with eight inputs whose sum is `total`.
fn dot8(unit: u32, lo: vec4f, hi: vec4f, total: f32) -> f32 {
  let q = nibbles(weights[unit]);
  let s = scale_and_min(scales[unit / 4u]);
  return s.x * (dot(q.lo, lo) + dot(q.hi, hi)) + s.y * total;
}
