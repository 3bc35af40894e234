#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace longwave::ops {

struct SoftmaxAttentionOptions {
  double scale = 0;          // of q . k; 0: 1 / sqrt(d)
  bool causal = true;        // query i of a row sees keys 0 .. offset + i
  at::Tensor key_mask = {};  // bool [b, s], true at keys that exist; undefined: all do
  at::Tensor offsets = {};   // int64 [b], place of a row's first query among its keys; undefined: 0
  at::Tensor slopes = {};    // [h]: a score loses slope |place of the query - place of the key|; undefined: 0
};

/// Softmax attention without the t x s matrix: forward by online softmax over tiles of keys, backward by recomputing
/// the tiles from the log-sum-exp. q [b, t, h, d], k [b, s, h_kv, d], v [b, s, h_kv, e]; query head n reads key head n
/// / (h / h_kv). Returns y [b, t, h, e] and lse [b, h, t], both differentiable (once) in q, k and v. A query that sees
/// no key gets 0 and lse -infinity. float runs the fused kernel, double its definition.
std::tuple<at::Tensor, at::Tensor> softmax_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                                     const SoftmaxAttentionOptions& options);

}  // namespace longwave::ops
