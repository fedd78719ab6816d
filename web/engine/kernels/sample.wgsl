// The token after the last row of the frame, in one workgroup; twin of `tokens/sampler.ts` and `rules/noise.ts`.
//   logits [vocabulary] f32 (penalised and scaled in place), tokens [positions + 1] u32 (read: the window; written: the
//   sampled token at position + rows), noise [2 * 2049] i32 with 16 fraction bits. Grid: (1).
// Order: repetition penalty, temperature, top-k, top-p, min-p, argmax(logit + Gumbel). The borders of top-k and top-p are
// found exactly, over the bits of the ordered float. Ties go to the lowest id. No finite logit: 0xffffffff.

override REPETITION_WINDOW: u32 = 64u;
const NOISE_SIDE = 2049u;

struct Params {
  vocabulary: u32,
}
struct Sampler {
  inverse_temperature: f32, // 0 is greedy
  log_min_p: f32, // -3e38 is off
  top_p: f32, // >= 1 is off
  penalty: f32, // 1 is off
  top_k: u32, // 0 is off
  seed_low: u32,
  seed_high: u32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<uniform> sampler: Sampler;
@group(0) @binding(3) var<storage, read_write> logits: array<f32>;
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(5) var<storage, read> noise: array<i32>;

var<workgroup> chosen_score: array<f32, WORKGROUP>;
var<workgroup> chosen_token: array<u32, WORKGROUP>;

fn noise_hash(position: u32, token: u32) -> u32 {
  var v = vec4u(sampler.seed_low, sampler.seed_high, position, token) * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  return v.x + v.y * v.w;
}

fn gumbel(position: u32, token: u32) -> f32 {
  let hash = noise_hash(position, token);
  let high = hash >> 31u;
  let x = (select(hash, ~hash, high == 1u) << 1u) | 1u;
  let lead = countLeadingZeros(x);
  let mantissa = x << lead;
  let entry = high * NOISE_SIDE + (31u - lead) * 64u + ((mantissa >> 25u) & 63u);
  let fraction = i32((mantissa >> 9u) & 0xffffu);
  let low = noise[entry];
  return f32(low + (((noise[entry + 1u] - low) * fraction) >> 16u)) / 65536.0;
}

// Floats as unsigned integers of the same order.
fn ordered(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

// How much lies at or above `lowest`: a count, or softmax mass up to a constant factor.
fn measure(lowest: u32, best: f32, mass: bool, lane: u32) -> f32 {
  var sum = 0.0;
  for (var id = lane; id < params.vocabulary; id += WORKGROUP) {
    if (ordered(logits[id]) >= lowest) {
      sum += select(1.0, exp(logits[id] - best), mass);
    }
  }
  return reduce_sum4(vec4f(sum, 0.0, 0.0, 0.0), lane).x;
}

// Amount of one digit, out of the amounts of all sixteen. Selects, because arrays in registers have no dynamic index.
fn of_digit(digit: u32, low: vec4f, lower: vec4f, upper: vec4f, high: vec4f) -> f32 {
  let half = select(select(low, lower, digit >= 4u), select(upper, high, digit >= 12u), digit >= 8u);
  return dot(half, select(vec4f(0.0), vec4f(1.0), vec4u(digit % 4u) == vec4u(0u, 1u, 2u, 3u)));
}

// The highest key at or above which lies at least `amount`, counting only what is at or above `floor`: four bits a pass.
fn border(amount: f32, floor: u32, best: f32, mass: bool, lane: u32) -> u32 {
  var prefix = 0u;
  var above = 0.0;
  for (var pass_index = 0u; pass_index < 8u; pass_index += 1u) {
    let shift = 28u - 4u * pass_index;
    var low = vec4f(0.0);
    var lower = vec4f(0.0);
    var upper = vec4f(0.0);
    var high = vec4f(0.0);
    for (var id = lane; id < params.vocabulary; id += WORKGROUP) {
      let key = ordered(logits[id]);
      if (key >= floor && ((key ^ prefix) >> shift) < 16u) {
        let weight = vec4f(select(1.0, exp(logits[id] - best), mass));
        let digit = vec4u((key >> shift) & 15u);
        low += select(vec4f(0.0), weight, digit == vec4u(0u, 1u, 2u, 3u));
        lower += select(vec4f(0.0), weight, digit == vec4u(4u, 5u, 6u, 7u));
        upper += select(vec4f(0.0), weight, digit == vec4u(8u, 9u, 10u, 11u));
        high += select(vec4f(0.0), weight, digit == vec4u(12u, 13u, 14u, 15u));
      }
    }
    low = reduce_sum4(low, lane);
    lower = reduce_sum4(lower, lane);
    upper = reduce_sum4(upper, lane);
    high = reduce_sum4(high, lane);
    var digit = 15u;
    for (var steps = 0u; steps < 15u; steps += 1u) {
      let next = above + of_digit(digit, low, lower, upper, high);
      if (next >= amount) {
        break;
      }
      above = next;
      digit -= 1u;
    }
    prefix |= digit << shift;
  }
  return prefix;
}

fn run(group: vec3u, lane: u32) {
  let held = frame.position + frame.rows;
  if (sampler.penalty != 1.0) {
    penalise(held, lane);
    storageBarrier();
    workgroupBarrier();
  }
  let greedy = sampler.inverse_temperature == 0.0;
  var floor = 0u;
  if (!greedy) {
    var high = -3.0e38;
    for (var id = lane; id < params.vocabulary; id += WORKGROUP) {
      let scaled = logits[id] * sampler.inverse_temperature;
      logits[id] = scaled;
      high = max(high, scaled);
    }
    let best = reduce_max(high, lane);
    if (sampler.top_k > 0u && sampler.top_k < params.vocabulary) {
      floor = border(f32(sampler.top_k), 0u, best, false, lane);
    }
    if (sampler.top_p < 1.0) {
      let total = measure(floor, best, true, lane);
      floor = max(floor, border(sampler.top_p * total, floor, best, true, lane));
    }
    floor = max(floor, ordered(best + sampler.log_min_p));
  }
  var score = -3.0e38;
  var token = 0xffffffffu;
  for (var id = lane; id < params.vocabulary; id += WORKGROUP) {
    let logit = logits[id];
    if (ordered(logit) >= floor) {
      var value = logit;
      if (!greedy) {
        value += gumbel(held, id);
      }
      if (value > score) {
        score = value;
        token = id;
      }
    }
  }
  chosen_score[lane] = score;
  chosen_token[lane] = token;
  workgroupBarrier();
  if (lane == 0u) {
    for (var i = 1u; i < WORKGROUP; i += 1u) {
      if (chosen_score[i] > score || (chosen_score[i] == score && chosen_token[i] < token)) {
        score = chosen_score[i];
        token = chosen_token[i];
      }
    }
    tokens[held] = token;
  }
}

// One lane a window token; a token that stands there twice is changed by its last lane alone.
fn penalise(held: u32, lane: u32) {
  let size = min(held, REPETITION_WINDOW);
  for (var i = lane; i < size; i += WORKGROUP) {
    let id = tokens[held - 1u - i];
    var mine = true;
    for (var j = 0u; j < i; j += 1u) {
      mine = mine && tokens[held - 1u - j] != id;
    }
    if (mine && id < params.vocabulary) {
      let logit = logits[id];
      logits[id] = select(logit * sampler.penalty, logit / sampler.penalty, logit > 0.0);
    }
  }
}
