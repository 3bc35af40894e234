#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace longwave {

/// Auto-correlation ("Autoformer", Wu et al. 2021, section 3.2): the mean over heads and width of the correlation of
/// queries and keys over time says which delays matter; the values are shifted by the `count` strongest and added with
/// softmax weights. q [b, h, lq, e]; k, v [b, h, lk, e] are cut or filled with zeros to lq.
/// `shared`: all samples use the delays of the batch mean (as in training), else each its own.
/// Returns ([b, lq, h e], delays [count] or [b, count]).
std::pair<at::Tensor, at::Tensor> auto_correlation(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                                   std::int64_t count, bool shared);

}  // namespace longwave
