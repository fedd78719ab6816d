// RMS norm of each row (Zhang and Sennrich, arXiv 1910.07467): the prefill path, where tiles share normalised rows.
//   x [rows, 8 * units] f32, gain [8 * units] f32 -> out [rows, 8 * units] f32. Grid: (rows).

struct Params {
  units: u32,
  epsilon: f32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> gain: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;

fn run(group: vec3u, lane: u32) {
  let quads = 2u * params.units;
  let start = group.x * quads;
  var square = 0.0;
  for (var i = lane; i < quads; i += WORKGROUP) {
    square += dot(x[start + i], x[start + i]);
  }
  square = reduce_sum4(vec4f(square, 0.0, 0.0, 0.0), lane).x;
  let factor = inverseSqrt(square / f32(4u * quads) + params.epsilon);
  for (var i = lane; i < quads; i += WORKGROUP) {
    out[start + i] = x[start + i] * factor * gain[i];
  }
}
