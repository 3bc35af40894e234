#include "longwave/models/linear_attention.h"

#include <ATen/ATen.h>

namespace longwave {

at::Tensor linear_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto scores = at::matmul(q.transpose(1, 2), k.permute({0, 2, 3, 1})).tril();  // [b, h, t, t]
  return at::matmul(scores, v.transpose(1, 2)).transpose(1, 2);
}

}  // namespace longwave
