#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// The response of a diagonal-plus-low-rank state-space model at nodes z = 2 i tan, from its sums over poles (Gu et al.
/// 2021, S4): with I inputs, C outputs and rank r, for every feature h and node l
///   y[i, c] = (1 + i tangent) (s[i, c] - s[i, C..] (1 + s[I.., C..])^-1 s[I.., c])
/// s [I + r, C + r, h, l] complex, tangent [l] real -> y [I, C, h, l]. Ranks 1 to 4. Differentiable once in s: one pass
/// over memory each way, and nothing kept but s.
at::Tensor low_rank_response(const at::Tensor& s, const at::Tensor& tangent, std::int64_t rank);

}  // namespace longwave::ops
