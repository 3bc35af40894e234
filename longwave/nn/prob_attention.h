#pragma once

#include <ATen/core/Tensor.h>

#include "longwave/nn/dropout.h"

namespace longwave {

/// ProbSparse attention ("Informer", Zhou et al. 2021, section 3): the queries whose scores on sampled keys stand out
/// most attend to all keys; the others get the mean of the values, or, if `causal`, their running sum.
/// q [b, h, lq, e], k and v [b, h, lk, e] (lq = lk if causal); sample [lq, n]: sampled keys of each query; keep: how
/// many queries attend. Returns [b, lq, h e], where, as in the authors' program, the memory of [b, h, lq, e] is read as
/// that shape without exchanging heads and time.
at::Tensor prob_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& sample,
                          std::int64_t keep, bool causal, const Dropout& dropout, bool training);

/// factor * ceil(ln length), at most length: how many keys are sampled and how many queries attend.
std::int64_t prob_count(std::int64_t factor, std::int64_t length);

/// [queries, n] keys drawn uniformly from 0 .. keys-1, with repetition.
at::Tensor draw_key_sample(std::int64_t queries, std::int64_t n, std::int64_t keys, RandomStream& stream);

}  // namespace longwave
