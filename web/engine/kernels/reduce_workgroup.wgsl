// Entry point and reductions through workgroup memory: runs on every adapter. A kernel defines `run(group, lane)`.
// Sums are trees of fixed shape, so the same inputs give the same bits whatever else the dispatch computes.
// WORKGROUP must be a power of two. Reductions must be called in uniform control flow; every lane gets the result.

override WORKGROUP: u32 = 64u;

var<workgroup> partials: array<vec4f, WORKGROUP>;

fn reduce_sum4(value: vec4f, lane: u32) -> vec4f {
  workgroupBarrier(); // the last result has been read by all
  partials[lane] = value;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half = half / 2u) {
    if (lane < half) {
      partials[lane] += partials[lane + half];
    }
    workgroupBarrier();
  }
  return partials[0];
}

fn reduce_max(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  partials[lane].x = value;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half = half / 2u) {
    if (lane < half) {
      partials[lane].x = max(partials[lane].x, partials[lane + half].x);
    }
    workgroupBarrier();
  }
  return partials[0].x;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  run(group, lane);
}
