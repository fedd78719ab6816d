// Leaves out the tokens that may not come next, before `sample`; twin of `applyMask` in `tokens/sampler.ts`.
//   logits [vocabulary] f32 (changed in place), allowed [vocabulary / 32, rounded up] u32, one bit a token, lowest first.
// Grid: (1, vocabulary / 256, rounded up). What is left out becomes -1e30: below every logit, and finite after the sampler's
// penalty and temperature.

const LANES = 256u;
const MASKED = -1e30;

struct Params {
  vocabulary: u32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;
@group(0) @binding(3) var<storage, read> allowed: array<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let token = group.y * LANES + lane;
  if (token < params.vocabulary && ((allowed[token / 32u] >> (token % 32u)) & 1u) == 0u) {
    logits[token] = MASKED;
  }
}
