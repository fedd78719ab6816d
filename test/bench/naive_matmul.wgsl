// out = W x, one thread an output and nothing shared: what the real kernels are compared with. Same bindings and
// layouts as `matmul.wgsl`; built behind `common` and a `weights_*` file. Grid: (outputs / 64 rounded up, rows).

struct Params {
  units: u32,
  outputs: u32,
  offset: u32,
  stride: u32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> x: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let output = id.x;
  let row = id.y;
  if (output >= params.outputs || row >= frame.rows) {
    return;
  }
  var sum = 0.0;
  for (var unit = 0u; unit < params.units; unit += 1u) {
    let lo = x[2u * (row * params.units + unit)];
    let hi = x[2u * (row * params.units + unit) + 1u];
    sum += dot8(output * params.units + unit, lo, hi, dot(lo + hi, vec4f(1.0)));
  }
  out[row * params.stride + params.offset + output] = sum;
}
