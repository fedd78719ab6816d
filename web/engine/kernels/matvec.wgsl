// out = epilogue(W x) for each row on its own: the decode path.
//   x [rows, 8 * units] f32, W [outputs, 8 * units] in the layout of `weights_*`, out f32
// Grid: (rows, outputs / 4 rounded up); one workgroup makes four outputs of one row, so n rows give the bits of n runs.
// NORM: x is RMS-normalised on the fly (Zhang and Sennrich, arXiv 1910.07467): the factor is the same for all inputs of
// a row, so it is applied to the sum. LAST: only the last row of the frame is computed, into row 0.
// EPILOGUE: 0 store (+ bias where BIAS), 1 add to what is there, 2 silu(even) * odd into half as many outputs.
// Numeric: f32 accumulation, tree reduction over WORKGROUP lanes.

override NORM: bool = false;
override LAST: bool = false;
override BIAS: bool = false;
override EPILOGUE: u32 = 0u;

struct Params {
  units: u32,
  outputs: u32,
  offset: u32, // of the first output in its row
  stride: u32, // of a row of out
  epsilon: f32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> x: array<vec4f>;
@group(0) @binding(5) var<storage, read> gain: array<vec4f>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

fn run(group: vec3u, lane: u32) {
  let row = select(group.x, frame.rows - 1u, LAST);
  let first = group.y * 4u;
  let last = params.outputs - 1u;
  // Lanes past the end repeat the last output and do not store it.
  let w0 = min(first, last) * params.units;
  let w1 = min(first + 1u, last) * params.units;
  let w2 = min(first + 2u, last) * params.units;
  let w3 = min(first + 3u, last) * params.units;
  var sum = vec4f(0.0);
  var square = 0.0;
  for (var unit = lane; unit < params.units; unit += WORKGROUP) {
    let at = 2u * (row * params.units + unit);
    var lo = x[at];
    var hi = x[at + 1u];
    if (NORM) {
      square += dot(lo, lo) + dot(hi, hi);
      lo *= gain[2u * unit];
      hi *= gain[2u * unit + 1u];
    }
    let total = dot(lo + hi, vec4f(1.0));
    sum += vec4f(dot8(w0 + unit, lo, hi, total), dot8(w1 + unit, lo, hi, total), dot8(w2 + unit, lo, hi, total), dot8(w3 + unit, lo, hi, total));
  }
  sum = reduce_sum4(sum, lane);
  if (NORM) {
    square = reduce_sum4(vec4f(square, 0.0, 0.0, 0.0), lane).x;
    sum *= inverseSqrt(square / f32(8u * params.units) + params.epsilon);
  }
  if (lane < 4u && first + lane < params.outputs) {
    store(select(row, 0u, LAST), first + lane, sum, lane);
  }
}

fn store(row: u32, output: u32, sum: vec4f, lane: u32) {
  let start = row * params.stride + params.offset;
  if (EPILOGUE == 2u) {
    if (lane % 2u == 0u) {
      let gate = sum[lane];
      out[start + output / 2u] = gate / (1.0 + exp(-gate)) * sum[lane + 1u];
    }
  } else if (EPILOGUE == 1u) {
    out[start + output] += sum[lane];
  } else if (BIAS) {
    out[start + output] = sum[lane] + bias[params.offset + output];
  } else {
    out[start + output] = sum[lane];
  }
}
