// Layout f32: eight words a unit, as in the file.

@group(0) @binding(2) var<storage, read> weights: array<vec4f>;

fn weights8(unit: u32) -> Oct {
  return Oct(weights[2u * unit], weights[2u * unit + 1u]);
}

// Dot product of a unit with eight inputs; `total` serves the layouts that have a min.
fn dot8(unit: u32, lo: vec4f, hi: vec4f, total: f32) -> f32 {
  return dot(weights[2u * unit], lo) + dot(weights[2u * unit + 1u], hi);
}
