enable f16;

// Layout f16 read as f16. Layout as in `weights_f16.wgsl`.

@group(0) @binding(2) var<storage, read> weights: array<array<vec4h, 2>>;

fn weights8(unit: u32) -> Oct {
  return Oct(vec4f(weights[unit][0]), vec4f(weights[unit][1]));
}

// Dot product of a unit with eight inputs; `total` serves the layouts that have a min.
fn dot8(unit: u32, lo: vec4f, hi: vec4f, total: f32) -> f32 {
  let w = weights8(unit);
  return dot(w.lo, lo) + dot(w.hi, hi);
}
