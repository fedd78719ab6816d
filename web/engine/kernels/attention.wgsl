// Causal grouped-query attention of each row over the cache, one head a workgroup, with a running softmax
// (Milakov and Gimelshein, arXiv 1805.02867): positions go by in chunks of WORKGROUP.
//   qkv [rows, heads + 2 * kv_heads, HEAD_DIM] f32 (q used), keys, values [positions, kv_heads, HEAD_DIM / 2] u32 f16
//   pairs -> out [rows, heads, HEAD_DIM] f32. Grid: (rows, heads). A row's order of operations depends on its position
// alone, so rows do not change bits. Limits: HEAD_DIM / 2 <= WORKGROUP.

override HEAD_DIM: u32 = 64u;

struct Params {
  heads: u32,
  kv_heads: u32,
  scale: f32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> qkv: array<vec2f>;
@group(0) @binding(3) var<storage, read> keys: array<u32>;
@group(0) @binding(4) var<storage, read> values: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<vec2f>;

var<workgroup> query: array<vec2f, 512>;
var<workgroup> shares: array<f32, WORKGROUP>;
var<workgroup> sums: array<vec2f, WORKGROUP>;

fn run(group: vec3u, lane: u32) {
  let pairs = HEAD_DIM / 2u;
  let head = group.y;
  let kv = head / (params.heads / params.kv_heads);
  let held = frame.position + group.x + 1u;
  let start = (group.x * (params.heads + 2u * params.kv_heads) + head) * pairs;
  for (var pair = lane; pair < pairs; pair += WORKGROUP) {
    query[pair] = qkv[start + pair] * params.scale;
  }
  workgroupBarrier();

  // Lanes share the value pairs in `crews` crews, each taking every crews-th position of a chunk.
  let crews = WORKGROUP / pairs;
  let crew = lane / pairs;
  let my_pair = lane % pairs;
  var best = -3.0e38;
  var total = 0.0;
  var sum = vec2f(0.0);
  for (var chunk = 0u; chunk < held; chunk += WORKGROUP) {
    let at = chunk + lane;
    var score = -3.0e38;
    if (at < held) {
      score = 0.0;
      let key = (at * params.kv_heads + kv) * pairs;
      for (var pair = 0u; pair < pairs; pair += 1u) {
        score += dot(query[pair], unpack2x16float(keys[key + pair]));
      }
    }
    let higher = max(best, reduce_max(score, lane));
    let share = select(0.0, exp(score - higher), at < held);
    let shrink = exp(best - higher);
    best = higher;
    shares[lane] = share;
    total = total * shrink + reduce_sum4(vec4f(share, 0.0, 0.0, 0.0), lane).x;
    sum *= shrink;
    if (crew < crews) {
      for (var i = crew; i < min(WORKGROUP, held - chunk); i += crews) {
        sum += shares[i] * unpack2x16float(values[((chunk + i) * params.kv_heads + kv) * pairs + my_pair]);
      }
    }
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane < pairs) {
    var all = vec2f(0.0);
    for (var i = 0u; i < crews; i += 1u) {
      all += sums[i * pairs + lane];
    }
    out[(group.x * params.heads + head) * pairs + lane] = all / total;
  }
}
