#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace longwave {

/// A, A^2, A^4, ... of matrices A [h, n, n], each computed when it is first asked for.
class Squares {
 public:
  explicit Squares(at::Tensor a) : powers_{std::move(a)} {}
  /// A^(2^i)
  const at::Tensor& operator[](std::size_t i);

 private:
  std::vector<at::Tensor> powers_;
};

/// Columns b, A b, A^2 b, ... A^(t-1) b: [h, n, t w] for b [h, n, w], by doubling.
at::Tensor krylov(Squares& a, const at::Tensor& b, std::int64_t t);

/// c A^k b for k < t: [h, t, m, w] for c [h, m, n] and b [h, n, w]. In two levels, as (c A^(q i)) (A^j b) with q about
/// the root of t: work n^2 (m + w) q and n m w t instead of n^2 w t, memory n (m + w) q
/// instead of n w t.
at::Tensor krylov_response(Squares& a, const at::Tensor& c, const at::Tensor& b, std::int64_t t);

/// The state that inputs u [h, t, w] leave: the sum over k of A^(t-1-k) b u_k, [h, n, w], for b [h, n].
at::Tensor krylov_state(Squares& a, const at::Tensor& b, const at::Tensor& u);

/// A^t x for x [h, n, w], or A^lengths[i] x for column i.
at::Tensor advance(Squares& a, const at::Tensor& x, std::int64_t t, const at::Tensor& lengths = {});

}  // namespace longwave
