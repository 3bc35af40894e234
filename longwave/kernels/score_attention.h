#pragma once

#include <cstdint>

#include "longwave/kernels/dropout.h"

namespace longwave::kernels {

/// Softmax attention of every query to every key for short sequences, whose matrix of scores fits in the caches:
///   scores = scale q k' + before,  y = dropout(softmax(scores)) v.
/// All tensors contiguous; the dropout index of a weight is that of its score.
struct ScoreAttention {
  const float *q, *k, *v;  // [b, t, h, e], [b, s, h, e] twice
  const float* before;     // [b, h, t, s], or null for zeros
  DropoutMask dropout;
  std::int64_t b, t, s, h, e;
  float scale;
};

struct ScoreAttentionGrad {
  const float* scores;   // of the forward pass, or null: they are computed again
  const float* dy;       // [b, t, h, e]
  const float* dscores;  // [b, h, t, s], or null for zeros
  float *dq, *dk, *dv;
  float* dbefore;  // or null
};

/// Floats of scratch memory that either call needs with the present number of threads.
std::int64_t score_attention_workspace(const ScoreAttention& a);

/// y [b, t, h, e]; scores [b, h, t, s] where not null.
void score_attention(const ScoreAttention& a, float* y, float* scores, float* workspace);
void score_attention_grad(const ScoreAttention& a, const ScoreAttentionGrad& g, float* workspace);

/// The definition: scalar, in double.
void score_attention_reference(const ScoreAttention& a, float* y, float* scores);
void score_attention_grad_reference(const ScoreAttention& a, const ScoreAttentionGrad& g);

}  // namespace longwave::kernels
