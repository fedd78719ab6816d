// Finishes q, k and v of each row: head norm where the architecture has one, rotation of neighbouring pairs
// (Su et al., arXiv 2104.09864), then q stays in place and k, v go to the cache as pairs of f16.
//   qkv [rows, stride] f32, rope [positions, HEAD_DIM / 2] (cos, sin), head_norm [2, HEAD_DIM] f32 (q, then k)
//   keys, values [positions, kv_heads, HEAD_DIM / 2] u32. Grid: (rows, heads + 2 * kv_heads).

override HEAD_DIM: u32 = 64u;
override HEAD_NORM: bool = false;

struct Params {
  heads: u32,
  kv_heads: u32,
  epsilon: f32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> qkv: array<vec2f>;
@group(0) @binding(3) var<storage, read> rope: array<vec2f>;
@group(0) @binding(4) var<storage, read> head_norm: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> keys: array<u32>;
@group(0) @binding(6) var<storage, read_write> values: array<u32>;

fn run(group: vec3u, lane: u32) {
  let pairs = HEAD_DIM / 2u;
  let head = group.y;
  let is_q = head < params.heads;
  let is_v = head >= params.heads + params.kv_heads;
  let start = (group.x * (params.heads + 2u * params.kv_heads) + head) * pairs;
  let position = frame.position + group.x;
  var factor = 1.0;
  if (HEAD_NORM) {
    var square = 0.0;
    for (var pair = lane; pair < pairs; pair += WORKGROUP) {
      square += dot(qkv[start + pair], qkv[start + pair]);
    }
    square = reduce_sum4(vec4f(square, 0.0, 0.0, 0.0), lane).x;
    factor = inverseSqrt(square / f32(HEAD_DIM) + params.epsilon);
  }
  for (var pair = lane; pair < pairs; pair += WORKGROUP) {
    var value = qkv[start + pair];
    if (!is_v) {
      if (HEAD_NORM) {
        value *= factor * head_norm[select(pairs, 0u, is_q) + pair];
      }
      let turn = rope[position * pairs + pair];
      value = vec2f(value.x * turn.x - value.y * turn.y, value.x * turn.y + value.y * turn.x);
    }
    if (is_q) {
      qkv[start + pair] = value;
    } else if (is_v) {
      values[(position * params.kv_heads + head - params.heads - params.kv_heads) * pairs + pair] = pack2x16float(value);
    } else {
      keys[(position * params.kv_heads + head - params.heads) * pairs + pair] = pack2x16float(value);
    }
  }
}
