enable f16;

// Layout q8 with weights made in f16 and multiplied in f32. Layout as in `weights_q8.wgsl`.

override SCALE_UNITS: u32 = 4u;

@group(0) @binding(2) var<storage, read> weights: array<vec2u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

fn signed_bytes(word: u32) -> vec4h {
  return vec4h((vec4i(bitcast<i32>(word)) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}

fn weights8(unit: u32) -> Oct {
  let words = weights[unit];
  let s = vec2h(scale_and_min(scales[unit / SCALE_UNITS]));
  return Oct(vec4f(signed_bytes(words.x) * s.x + s.y), vec4f(signed_bytes(words.y) * s.x + s.y));
}

// Dot product of a unit with eight inputs; `total` serves the variant that adds the min once.
fn dot8(unit: u32, lo: vec4f, hi: vec4f, total: f32) -> f32 {
  let w = weights8(unit);
  return dot(w.lo, lo) + dot(w.hi, hi);
}
