#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

namespace longwave::ops {

struct ScoreAttentionOptions {
  double scale = 1;  // of q . k
  double p = 0;      // dropout of the weights, with its key (see ops/dropout.h)
  std::int64_t key = 0;
  bool keep_scores = false;  // whether the scores are wanted
};

/// Softmax attention of every query to every key, for sequences whose scores fit in the caches:
///   scores = scale q k' + before [b, h, t, s],  y = dropout(softmax(scores)) v [b, t, h, e].
/// q [b, t, h, e], k and v [b, s, h, e]; `before` like the scores, or undefined for zeros. Returns {y, scores}, the
/// latter undefined unless kept. float runs the fused kernel (differentiable once), double is composed of ATen
/// operators.
std::pair<at::Tensor, at::Tensor> score_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                                  const at::Tensor& before, const ScoreAttentionOptions& options);

}  // namespace longwave::ops
