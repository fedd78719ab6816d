// Layout f16: four words a unit, two halves a word, as in the file. Needs no `shader-f16`.

@group(0) @binding(2) var<storage, read> weights: array<vec4u>;

fn weights8(unit: u32) -> Oct {
  let words = weights[unit];
  return Oct(
    vec4f(unpack2x16float(words.x), unpack2x16float(words.y)),
    vec4f(unpack2x16float(words.z), unpack2x16float(words.w)),
  );
}

// Dot product of a unit with eight inputs; `total` serves the layouts that have a min.
fn dot8(unit: u32, lo: vec4f, hi: vec4f, total: f32) -> f32 {
  let w = weights8(unit);
  return dot(w.lo, lo) + dot(w.hi, hi);
}
