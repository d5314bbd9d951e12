// One pass over memory for each operation that candle would compose of several. Values are computed in f32
// whatever their type; N values are moved at once, 16 bytes where width and place allow it, else one.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

template <typename T, int N> struct __align__(sizeof(T) * N) Pack { T values[N]; };

__device__ __forceinline__ float wide(float x) { return x; }
__device__ __forceinline__ float wide(__half x) { return __half2float(x); }
__device__ __forceinline__ float wide(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ __forceinline__ void narrow(float &to, float x) { to = x; }
__device__ __forceinline__ void narrow(__half &to, float x) { to = __float2half(x); }
__device__ __forceinline__ void narrow(__nv_bfloat16 &to, float x) { to = __float2bfloat16(x); }

template <int N, typename T> __device__ __forceinline__ Pack<T, N> load(const T *from) {
  return *reinterpret_cast<const Pack<T, N> *>(from);
}
template <int N, typename T> __device__ __forceinline__ void store(T *to, const Pack<T, N> &pack) {
  *reinterpret_cast<Pack<T, N> *>(to) = pack;
}

__device__ __forceinline__ float warp_sum(float x) {
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}
__device__ __forceinline__ float warp_max(float x) {
  for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, step));
  return x;
}
// The same result in every thread; always in the same order.
template <typename Combine> __device__ __forceinline__ float block_reduce(float x, float neutral, Combine combine) {
  __shared__ float parts[32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = (blockDim.x + 31) / 32;
  for (int step = 16; step > 0; step /= 2) x = combine(x, __shfl_xor_sync(0xffffffffu, x, step));
  __syncthreads();
  if (lane == 0) parts[warp] = x;
  __syncthreads();
  x = lane < warps ? parts[lane] : neutral;
  for (int step = 16; step > 0; step /= 2) x = combine(x, __shfl_xor_sync(0xffffffffu, x, step));
  return x;
}
__device__ __forceinline__ float block_sum(float x) {
  return block_reduce(x, 0.0f, [](float a, float b) { return a + b; });
}
__device__ __forceinline__ float block_max(float x) {
  return block_reduce(x, -INFINITY, [](float a, float b) { return fmaxf(a, b); });
}

// y = weight * (x / sqrt(mean(x^2) + eps)); a block a row.
template <typename T, int N>
__device__ void rms_norm(const T *x, const T *weight, T *y, float *inverse_rms, int width, float eps) {
  x += (size_t)blockIdx.x * width, y += (size_t)blockIdx.x * width;
  float sum = 0.0f;
  for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) {
    auto pack = load<N>(x + i);
    for (int j = 0; j < N; j++) sum += wide(pack.values[j]) * wide(pack.values[j]);
  }
  float inverse = 1.0f / sqrtf(block_sum(sum) / width + eps);
  if (threadIdx.x == 0) inverse_rms[blockIdx.x] = inverse;
  for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) {
    auto pack = load<N>(x + i);
    auto scale = load<N>(weight + i);
    for (int j = 0; j < N; j++) narrow(pack.values[j], wide(scale.values[j]) * (wide(pack.values[j]) * inverse));
    store<N>(y + i, pack);
  }
}

// With n = x * r: dx = r * (w*dy - n * mean(w*dy*n)).
template <typename T, int N>
__device__ void rms_norm_backward(const T *dy, const T *x, const T *weight, const float *inverse_rms, T *dx, int width) {
  size_t start = (size_t)blockIdx.x * width;
  dy += start, x += start, dx += start;
  float sum = 0.0f, inverse = inverse_rms[blockIdx.x];
  for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) {
    auto a = load<N>(dy + i);
    auto b = load<N>(x + i);
    auto w = load<N>(weight + i);
    for (int j = 0; j < N; j++) sum += wide(a.values[j]) * wide(w.values[j]) * wide(b.values[j]);
  }
  float pull = block_sum(sum) * inverse / width * inverse;
  for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) {
    auto a = load<N>(dy + i);
    auto b = load<N>(x + i);
    auto w = load<N>(weight + i);
    for (int j = 0; j < N; j++)
      narrow(a.values[j], inverse * (wide(w.values[j]) * wide(a.values[j]) - wide(b.values[j]) * pull));
    store<N>(dx + i, a);
  }
}

// Rows of (gate | up) -> silu(gate) * up; a block a row.
template <typename T, int N> __device__ void silu_mul(const T *gate_up, T *y, int width) {
  gate_up += (size_t)blockIdx.x * 2 * width, y += (size_t)blockIdx.x * width;
  for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) {
    auto gate = load<N>(gate_up + i);
    auto up = load<N>(gate_up + width + i);
    for (int j = 0; j < N; j++) {
      float g = wide(gate.values[j]);
      narrow(gate.values[j], g / (1.0f + expf(-g)) * wide(up.values[j]));
    }
    store<N>(y + i, gate);
  }
}

// With s = sigmoid(g): d_up = dy * g*s, d_gate = dy * up * s * (1 + g*(1 - s)).
template <typename T, int N> __device__ void silu_mul_backward(const T *dy, const T *gate_up, T *grad, int width) {
  gate_up += (size_t)blockIdx.x * 2 * width, grad += (size_t)blockIdx.x * 2 * width, dy += (size_t)blockIdx.x * width;
  for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) {
    auto gate = load<N>(gate_up + i);
    auto up = load<N>(gate_up + width + i);
    auto d = load<N>(dy + i);
    for (int j = 0; j < N; j++) {
      float g = wide(gate.values[j]), u = wide(up.values[j]), dy = wide(d.values[j]);
      float sigmoid = 1.0f / (1.0f + expf(-g));
      narrow(gate.values[j], dy * u * sigmoid * (1.0f + g * (1.0f - sigmoid)));
      narrow(up.values[j], dy * g * sigmoid);
    }
    store<N>(grad + i, gate);
    store<N>(grad + width + i, up);
  }
}

// Rows of (q | k | v) heads to heads of tokens and back, with rope on q and k; a block a token. Forward reads
// `rows` and writes the heads, backward the other way round and turns by the opposite angle.
template <typename T, int N, bool FORWARD>
__device__ void heads(T *rows, T *q, T *k, T *v, const float *cos, const float *sin, const uint32_t *positions, int len,
                      int query_heads, int kv_heads, int half) {
  int token = blockIdx.x, row = token / len, t = token % len, all = query_heads + 2 * kv_heads, packs = half / N;
  size_t angle = (size_t)(positions ? positions[token] : t) * half;
  rows += (size_t)token * all * 2 * half;
  for (int i = threadIdx.x; i < all * packs; i += blockDim.x) {
    int head = i / packs, at = i % packs * N, count = kv_heads, index = head - query_heads;
    T *part = k;
    if (head < query_heads) part = q, count = query_heads, index = head;
    else if (head >= query_heads + kv_heads) part = v, index -= kv_heads;
    T *by_head = part + ((size_t)(row * count + index) * len + t) * 2 * half + at;
    T *by_row = rows + (size_t)head * 2 * half + at;
    auto low = load<N>(FORWARD ? by_row : by_head);
    auto high = load<N>((FORWARD ? by_row : by_head) + half);
    if (head < query_heads + kv_heads) {
      for (int j = 0; j < N; j++) {
        float a = wide(low.values[j]), b = wide(high.values[j]), c = cos[angle + at + j], s = sin[angle + at + j];
        if (!FORWARD) s = -s;
        narrow(low.values[j], a * c - b * s);
        narrow(high.values[j], b * c + a * s);
      }
    }
    store<N>(FORWARD ? by_head : by_row, low);
    store<N>((FORWARD ? by_head : by_row) + half, high);
  }
}

// (rows, heads, len, size) -> (rows, len, heads, size) and back; a block a token.
template <typename T, int N, bool TO_ROWS> __device__ void swap_heads(const T *from, T *to, int len, int heads, int size) {
  int token = blockIdx.x, row = token / len, t = token % len, packs = size / N;
  for (int i = threadIdx.x; i < heads * packs; i += blockDim.x) {
    int head = i / packs, at = i % packs * N;
    size_t by_head = ((size_t)(row * heads + head) * len + t) * size + at;
    size_t by_row = ((size_t)token * heads + head) * size + at;
    store<N>(to + (TO_ROWS ? by_row : by_head), load<N>(from + (TO_ROWS ? by_head : by_row)));
  }
}

// Softmax of scores * scale over the keys first_key..=t of query t, zero elsewhere; in place, a warp a query.
template <typename T, int N>
__device__ void softmax(T *scores, const uint32_t *first_key, int len, int queries_per_row, float scale, uint32_t queries) {
  uint32_t query = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (query >= queries) return;
  int lane = threadIdx.x % 32, t = query % len;
  int from = first_key ? first_key[(size_t)(query / queries_per_row) * len + t] : 0;
  scores += (size_t)query * len;
  float top = -INFINITY, sum = 0.0f;
  for (int i = lane * N; i <= t; i += 32 * N) {
    auto pack = load<N>(scores + i);
    for (int j = 0; j < N; j++)
      if (i + j >= from && i + j <= t) top = fmaxf(top, wide(pack.values[j]));
  }
  top = warp_max(top);
  for (int i = lane * N; i <= t; i += 32 * N) {
    auto pack = load<N>(scores + i);
    for (int j = 0; j < N; j++)
      if (i + j >= from && i + j <= t) sum += expf((wide(pack.values[j]) - top) * scale);
  }
  float inverse = 1.0f / warp_sum(sum);
  for (int i = lane * N; i < len; i += 32 * N) {
    Pack<T, N> pack;
    if (i <= t) pack = load<N>(scores + i);
    for (int j = 0; j < N; j++) {
      bool seen = i + j >= from && i + j <= t;
      narrow(pack.values[j], seen ? expf((wide(pack.values[j]) - top) * scale) * inverse : 0.0f);
    }
    store<N>(scores + i, pack);
  }
}

// dS = P * (dP - sum(P * dP)) * scale, over dP; P is zero where a query sees nothing. A warp a query.
template <typename T, int N>
__device__ void softmax_backward(T *d_probs, const T *probs, int len, float scale, uint32_t queries) {
  uint32_t query = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (query >= queries) return;
  int lane = threadIdx.x % 32, t = query % len;
  d_probs += (size_t)query * len, probs += (size_t)query * len;
  float inner = 0.0f;
  for (int i = lane * N; i <= t; i += 32 * N) {
    auto d = load<N>(d_probs + i);
    auto p = load<N>(probs + i);
    for (int j = 0; j < N; j++) inner += i + j <= t ? wide(d.values[j]) * wide(p.values[j]) : 0.0f;
  }
  inner = warp_sum(inner);
  for (int i = lane * N; i < len; i += 32 * N) {
    Pack<T, N> d, p;
    if (i <= t) d = load<N>(d_probs + i), p = load<N>(probs + i);
    for (int j = 0; j < N; j++)
      narrow(d.values[j], i + j <= t ? wide(p.values[j]) * (wide(d.values[j]) - inner) * scale : 0.0f);
    store<N>(d_probs + i, d);
  }
}

// results: rows losses, then rows flags; with a scale, logits become (softmax - one-hot) * scale. A block a row.
template <typename T, int N>
__device__ void cross_entropy(T *logits, const uint32_t *targets, float *results, int vocab, float scale, int gradient) {
  logits += (size_t)blockIdx.x * vocab;
  int target = targets[blockIdx.x];
  float at_target = wide(logits[target]), top = -INFINITY, sum = 0.0f, earlier = 0.0f;
  for (int i = threadIdx.x * N; i < vocab; i += blockDim.x * N) {
    auto pack = load<N>(logits + i);
    for (int j = 0; j < N; j++) top = fmaxf(top, wide(pack.values[j]));
  }
  top = block_max(top);
  for (int i = threadIdx.x * N; i < vocab; i += blockDim.x * N) {
    auto pack = load<N>(logits + i);
    for (int j = 0; j < N; j++) {
      float value = wide(pack.values[j]);
      sum += expf(value - top);
      if (value == top && i + j < target) earlier = 1.0f;
    }
  }
  sum = block_sum(sum);
  earlier = block_max(earlier);
  if (threadIdx.x == 0) {
    results[blockIdx.x] = logf(sum) - (at_target - top);
    results[gridDim.x + blockIdx.x] = at_target == top && earlier == 0.0f ? 1.0f : 0.0f;
  }
  if (!gradient) return;
  float factor = scale / sum;
  for (int i = threadIdx.x * N; i < vocab; i += blockDim.x * N) {
    auto pack = load<N>(logits + i);
    for (int j = 0; j < N; j++)
      narrow(pack.values[j], expf(wide(pack.values[j]) - top) * factor - (i + j == target ? scale : 0.0f));
    store<N>(logits + i, pack);
  }
}

// y += bias in every row; a block a row.
template <typename T, int N> __device__ void add_bias(T *y, const T *bias, int width) {
  y += (size_t)blockIdx.x * width;
  for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) {
    auto a = load<N>(y + i);
    auto b = load<N>(bias + i);
    for (int j = 0; j < N; j++) narrow(a.values[j], wide(a.values[j]) + wide(b.values[j]));
    store<N>(y + i, a);
  }
}

// target += other; a block a row, as above.
template <typename T, int N> __device__ void add_assign(T *target, const T *other, int width) {
  size_t start = (size_t)blockIdx.x * width;
  add_bias<T, N>(target, other + start, width);
}

// Row i to row indices[i]; no index comes twice.
template <typename T, int N> __device__ void spread(const T *rows, const uint32_t *indices, T *to, int width) {
  rows += (size_t)blockIdx.x * width, to += (size_t)indices[blockIdx.x] * width;
  for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) store<N>(to + i, load<N>(rows + i));
}

// As `mix` of the hashes: the two halves of the product.
__device__ __forceinline__ uint64_t mix(uint64_t a, uint64_t b) { return (a * b) ^ __umul64hi(a, b); }

// x times 0 or `keep`, by a hash of the row's key and the column alone: the same in forward and backward.
template <typename T, int N>
__device__ void drop(const T *x, const uint64_t *row_keys, T *y, int width, uint64_t k0, uint64_t k1, double share, float keep) {
  uint64_t key = row_keys[blockIdx.x] ^ k0;
  x += (size_t)blockIdx.x * width, y += (size_t)blockIdx.x * width;
  for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) {
    auto pack = load<N>(x + i);
    for (int j = 0; j < N; j++) {
      double drawn = (double)(mix(key, (uint64_t)(i + j) ^ k1) >> 11) / 9007199254740992.0;
      narrow(pack.values[j], drawn < share ? 0.0f : wide(pack.values[j]) * keep);
    }
    store<N>(y + i, pack);
  }
}

// A block's share of the sum of squares, or with a second factor of the inner product.
template <typename T, int N> __device__ void inner(const T *a, const T *b, float *parts, uint64_t count) {
  float sum = 0.0f;
  for (uint64_t i = ((uint64_t)blockIdx.x * blockDim.x + threadIdx.x) * N; i < count; i += (uint64_t)gridDim.x * blockDim.x * N) {
    auto x = load<N>(a + i);
    auto y = load<N>(b + i);
    for (int j = 0; j < N; j++) sum += wide(x.values[j]) * wide(y.values[j]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// How many of |x| lie below `share` of the root mean square, whose parts `inner` left in `parts`.
template <typename T, int N>
__device__ void count_small(const T *x, const float *parts, int part_count, float share, uint32_t *small, uint64_t count) {
  float sum = 0.0f;
  for (int i = threadIdx.x; i < part_count; i += blockDim.x) sum += parts[i];
  float limit = sqrtf(block_sum(sum) / (float)count) * share;
  float found = 0.0f;
  for (uint64_t i = ((uint64_t)blockIdx.x * blockDim.x + threadIdx.x) * N; i < count; i += (uint64_t)gridDim.x * blockDim.x * N) {
    auto pack = load<N>(x + i);
    for (int j = 0; j < N; j++) found += fabsf(wide(pack.values[j])) < limit ? 1.0f : 0.0f;
  }
  found = block_sum(found);
  if (threadIdx.x == 0) atomicAdd(small, (uint32_t)found);
}

// One adapter's B, times its scale, into its rows and columns of the joined matrix; a block a row.
template <typename T> __device__ void place(const float *b, T *joined, int rank, int row, int column, int width, float scale) {
  for (int i = threadIdx.x; i < rank; i += blockDim.x)
    narrow(joined[(size_t)(row + blockIdx.x) * width + column + i], b[(size_t)blockIdx.x * rank + i] * scale);
}

extern "C" __global__ void adamw(float *parameters, float *first, float *second, const float *gradient, uint64_t count,
                                 float beta1, float beta2, float fresh1, float fresh2, float keep, float rate,
                                 float inverse_root, float eps, float scale) {
  for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (uint64_t)gridDim.x * blockDim.x) {
    float g = gradient[i] * scale;
    float m = first[i] * beta1 + g * fresh1, v = second[i] * beta2 + g * g * fresh2;
    first[i] = m, second[i] = v;
    parameters[i] = parameters[i] * keep - rate * m / (sqrtf(v) * inverse_root + eps);
  }
}

#define FOR_PACK(T, NAME, N)                                                                                          \
  extern "C" __global__ void rms_norm_##NAME##_##N(const T *x, const T *w, T *y, float *r, int width, float eps) {    \
    rms_norm<T, N>(x, w, y, r, width, eps);                                                                           \
  }                                                                                                                   \
  extern "C" __global__ void rms_norm_backward_##NAME##_##N(const T *dy, const T *x, const T *w, const float *r,      \
                                                            T *dx, int width) {                                       \
    rms_norm_backward<T, N>(dy, x, w, r, dx, width);                                                                  \
  }                                                                                                                   \
  extern "C" __global__ void silu_mul_##NAME##_##N(const T *gate_up, T *y, int width) {                               \
    silu_mul<T, N>(gate_up, y, width);                                                                                \
  }                                                                                                                   \
  extern "C" __global__ void silu_mul_backward_##NAME##_##N(const T *dy, const T *gate_up, T *grad, int width) {      \
    silu_mul_backward<T, N>(dy, gate_up, grad, width);                                                                \
  }                                                                                                                   \
  extern "C" __global__ void split_heads_##NAME##_##N(T *rows, T *q, T *k, T *v, const float *cos, const float *sin,  \
                                                      const uint32_t *positions, int len, int heads_, int kv_heads,   \
                                                      int half) {                                                     \
    heads<T, N, true>(rows, q, k, v, cos, sin, positions, len, heads_, kv_heads, half);                               \
  }                                                                                                                   \
  extern "C" __global__ void merge_heads_##NAME##_##N(T *rows, T *q, T *k, T *v, const float *cos, const float *sin,  \
                                                      const uint32_t *positions, int len, int heads_, int kv_heads,   \
                                                      int half) {                                                     \
    heads<T, N, false>(rows, q, k, v, cos, sin, positions, len, heads_, kv_heads, half);                              \
  }                                                                                                                   \
  extern "C" __global__ void heads_to_rows_##NAME##_##N(const T *from, T *to, int len, int count, int size) {         \
    swap_heads<T, N, true>(from, to, len, count, size);                                                               \
  }                                                                                                                   \
  extern "C" __global__ void rows_to_heads_##NAME##_##N(const T *from, T *to, int len, int count, int size) {         \
    swap_heads<T, N, false>(from, to, len, count, size);                                                              \
  }                                                                                                                   \
  extern "C" __global__ void softmax_##NAME##_##N(T *scores, const uint32_t *first_key, int len, int per_row,         \
                                                  float scale, uint32_t queries) {                                    \
    softmax<T, N>(scores, first_key, len, per_row, scale, queries);                                                   \
  }                                                                                                                   \
  extern "C" __global__ void softmax_backward_##NAME##_##N(T *d_probs, const T *probs, int len, float scale,          \
                                                           uint32_t queries) {                                        \
    softmax_backward<T, N>(d_probs, probs, len, scale, queries);                                                      \
  }                                                                                                                   \
  extern "C" __global__ void cross_entropy_##NAME##_##N(T *logits, const uint32_t *targets, float *results,           \
                                                        int vocab, float scale, int gradient) {                       \
    cross_entropy<T, N>(logits, targets, results, vocab, scale, gradient);                                            \
  }                                                                                                                   \
  extern "C" __global__ void add_bias_##NAME##_##N(T *y, const T *bias, int width) { add_bias<T, N>(y, bias, width); }\
  extern "C" __global__ void add_assign_##NAME##_##N(T *target, const T *other, int width) {                          \
    add_assign<T, N>(target, other, width);                                                                           \
  }                                                                                                                   \
  extern "C" __global__ void spread_##NAME##_##N(const T *rows, const uint32_t *indices, T *to, int width) {          \
    spread<T, N>(rows, indices, to, width);                                                                           \
  }                                                                                                                   \
  extern "C" __global__ void drop_##NAME##_##N(const T *x, const uint64_t *keys, T *y, int width, uint64_t k0,        \
                                               uint64_t k1, double share, float keep) {                               \
    drop<T, N>(x, keys, y, width, k0, k1, share, keep);                                                               \
  }                                                                                                                   \
  extern "C" __global__ void inner_##NAME##_##N(const T *a, const T *b, float *parts, uint64_t count) {               \
    inner<T, N>(a, b, parts, count);                                                                                  \
  }                                                                                                                   \
  extern "C" __global__ void count_small_##NAME##_##N(const T *x, const float *parts, int part_count, float share,    \
                                                      uint32_t *small, uint64_t count) {                              \
    count_small<T, N>(x, parts, part_count, share, small, count);                                                     \
  }

#define FOR_TYPE(T, NAME, N)                                                                                          \
  FOR_PACK(T, NAME, N)                                                                                                \
  FOR_PACK(T, NAME, 1)                                                                                                \
  extern "C" __global__ void place_##NAME(const float *b, T *joined, int rank, int row, int column, int width,        \
                                          float scale) {                                                              \
    place<T>(b, joined, rank, row, column, width, scale);                                                             \
  }

FOR_TYPE(__nv_bfloat16, bf16, 8)
FOR_TYPE(__half, f16, 8)
FOR_TYPE(float, f32, 4)
