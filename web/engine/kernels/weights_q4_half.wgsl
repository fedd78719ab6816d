enable f16;

// Layout q4 with weights made in f16 and multiplied in f32: half the arithmetic of unpacking where the adapter has it.
// Layout as in `weights_q4.wgsl`.

@group(0) @binding(2) var<storage, read> weights: array<u32>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

fn weights8(unit: u32) -> Oct {
  let spread = vec4u(weights[unit]) >> vec4u(0u, 8u, 16u, 24u);
  let s = vec2h(scale_and_min(scales[unit / 4u]));
  let lo = vec4h(spread & vec4u(15u)) * s.x + s.y;
  let hi = vec4h((spread >> vec4u(4u)) & vec4u(15u)) * s.x + s.y;
  return Oct(vec4f(lo), vec4f(hi));
}

// Dot product of a unit with eight inputs; `total` serves the variant that adds the min once.
fn dot8(unit: u32, lo: vec4f, hi: vec4f, total: f32) -> f32 {
  let w = weights8(unit);
  return dot(w.lo, lo) + dot(w.hi, hi);
}
