enable subgroups;

// The same as `reduce_workgroup.wgsl` with subgroup additions: fewer barriers where the adapter has them.
// Assumes that lanes of a subgroup are consecutive, as drivers lay out one-dimensional workgroups; the load-time self
// test compares this variant with the plain one and drops it where that does not hold.

override WORKGROUP: u32 = 64u;

var<workgroup> partials: array<vec4f, WORKGROUP>;
var<private> lanes_a_subgroup: u32;

// A workgroup may be smaller than a subgroup.
fn subgroups() -> u32 {
  return max(1u, WORKGROUP / lanes_a_subgroup);
}

fn reduce_sum4(value: vec4f, lane: u32) -> vec4f {
  let part = subgroupAdd(value);
  workgroupBarrier(); // the last result has been read by all
  if (lane % lanes_a_subgroup == 0u) {
    partials[lane / lanes_a_subgroup] = part;
  }
  workgroupBarrier();
  var sum = vec4f(0.0);
  for (var i = 0u; i < subgroups(); i += 1u) {
    sum += partials[i];
  }
  return sum;
}

fn reduce_max(value: f32, lane: u32) -> f32 {
  let part = subgroupMax(value);
  workgroupBarrier();
  if (lane % lanes_a_subgroup == 0u) {
    partials[lane / lanes_a_subgroup].x = part;
  }
  workgroupBarrier();
  var best = partials[0].x;
  for (var i = 1u; i < subgroups(); i += 1u) {
    best = max(best, partials[i].x);
  }
  return best;
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_size) size: u32,
) {
  lanes_a_subgroup = size;
  run(group, lane);
}
