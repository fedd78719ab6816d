// out = epilogue(W x) for many rows at once: the prefill path. Tiles of 32 rows by 64 outputs, 32 inputs deep.
//   x [rows, 8 * units] f32 (normalised before), W [outputs, 8 * units] in the layout of `weights_*`, out f32
// Grid: (rows / 32, outputs / 64), rounded up; 128 lanes, each 4 rows by 4 outputs. Workgroup memory: 13.5 KiB.
// EPILOGUE and BIAS as in `matvec.wgsl`. Numeric: f32 accumulation in input order.

override BIAS: bool = false;
override EPILOGUE: u32 = 0u;

const TILE_ROWS = 32u;
const TILE_OUTPUTS = 64u;
const QUADS = 8u; // vec4 of inputs a tile is deep
const PITCH = 9u; // one more, so that neighbouring rows use other banks

struct Params {
  units: u32,
  outputs: u32,
  offset: u32,
  stride: u32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> x: array<vec4f>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

var<workgroup> tile_x: array<vec4f, 288>; // TILE_ROWS * PITCH
var<workgroup> tile_w: array<vec4f, 576>; // TILE_OUTPUTS * PITCH

fn load_tiles(first_row: u32, first_output: u32, unit0: u32, lane: u32) {
  // 32 rows x 4 units and 64 outputs x 4 units; past the end zeros, which add nothing.
  let unit = unit0 + lane % 4u;
  let line = lane / 4u;
  var input = Oct(vec4f(0.0), vec4f(0.0));
  if (first_row + line < frame.rows && unit < params.units) {
    let at = 2u * ((first_row + line) * params.units + unit);
    input = Oct(x[at], x[at + 1u]);
  }
  let to = line * PITCH + 2u * (lane % 4u);
  tile_x[to] = input.lo;
  tile_x[to + 1u] = input.hi;
  for (var part = 0u; part < 2u; part += 1u) {
    let output = first_output + part * 32u + line;
    var w = Oct(vec4f(0.0), vec4f(0.0));
    if (output < params.outputs && unit < params.units) {
      w = weights8(output * params.units + unit);
    }
    tile_w[to + part * 32u * PITCH] = w.lo;
    tile_w[to + part * 32u * PITCH + 1u] = w.hi;
  }
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first_row = group.x * TILE_ROWS;
  let first_output = group.y * TILE_OUTPUTS;
  let my_row = (lane / 16u) * 4u;
  let my_output = (lane % 16u) * 4u;
  var sums: array<vec4f, 4>;
  for (var unit0 = 0u; unit0 < params.units; unit0 += 4u) {
    load_tiles(first_row, first_output, unit0, lane);
    workgroupBarrier();
    for (var k = 0u; k < QUADS; k += 1u) {
      let w0 = tile_w[my_output * PITCH + k];
      let w1 = tile_w[(my_output + 1u) * PITCH + k];
      let w2 = tile_w[(my_output + 2u) * PITCH + k];
      let w3 = tile_w[(my_output + 3u) * PITCH + k];
      for (var i = 0u; i < 4u; i += 1u) {
        let v = tile_x[(my_row + i) * PITCH + k];
        sums[i] += vec4f(dot(w0, v), dot(w1, v), dot(w2, v), dot(w3, v));
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i += 1u) {
    let row = first_row + my_row + i;
    if (row < frame.rows) {
      store(row, first_output + my_output, sums[i]);
    }
  }
}

fn store(row: u32, first: u32, sum: vec4f) {
  let start = row * params.stride + params.offset;
  for (var j = 0u; j < 4u; j += 1u) {
    let output = first + j;
    if (output >= params.outputs) {
      return;
    }
    if (EPILOGUE == 2u) {
      if (j % 2u == 0u) {
        out[start + output / 2u] = sum[j] / (1.0 + exp(-sum[j])) * sum[j + 1u];
      }
    } else if (EPILOGUE == 1u) {
      out[start + output] += sum[j];
    } else if (BIAS) {
      out[start + output] = sum[j] + bias[params.offset + output];
    } else {
      out[start + output] = sum[j];
    }
  }
}
