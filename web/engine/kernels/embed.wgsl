// Rows of the embedding for the tokens at frame.position + row.
//   tokens [positions] u32, weights [params.rows, 8 * params.units] -> hidden [frame.rows, 8 * params.units] f32
// Grid: (rows, units / WORKGROUP rounded up). A token outside [first, first + rows) belongs to another slice.

struct Params {
  first: u32,
  rows: u32,
  units: u32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> tokens: array<u32>;
@group(0) @binding(5) var<storage, read_write> hidden: array<vec4f>;

fn run(group: vec3u, lane: u32) {
  let unit = group.y * WORKGROUP + lane;
  let token = tokens[frame.position + group.x];
  if (unit >= params.units || token < params.first || token >= params.first + params.rows) {
    return;
  }
  let w = weights8((token - params.first) * params.units + unit);
  let at = 2u * (group.x * params.units + unit);
  hidden[at] = w.lo;
  hidden[at + 1u] = w.hi;
}
