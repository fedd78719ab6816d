// Layout q8: two words of signed bytes a unit, one scale word per SCALE_UNITS units (4, or 2 for Q6_K).
// w = q * scale + min.

override SCALE_UNITS: u32 = 4u;

@group(0) @binding(2) var<storage, read> weights: array<vec2u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

fn signed_bytes(word: u32) -> vec4f {
  return vec4f((vec4i(bitcast<i32>(word)) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}

fn weights8(unit: u32) -> Oct {
  let words = weights[unit];
  let s = scale_and_min(scales[unit / SCALE_UNITS]);
  return Oct(signed_bytes(words.x) * s.x + s.y, signed_bytes(words.y) * s.x + s.y);
}

// Dot product of a unit with eight inputs whose sum is `total`.
fn dot8(unit: u32, lo: vec4f, hi: vec4f, total: f32) -> f32 {
  let words = weights[unit];
  let s = scale_and_min(scales[unit / SCALE_UNITS]);
  return s.x * (dot(signed_bytes(words.x), lo) + dot(signed_bytes(words.y), hi)) + s.y * total;
}
