#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "longwave/kernels/gated_linear_attention.h"

namespace longwave::ops {

/// x [b, t, h, width] itself where the numbers of a vector are contiguous, else a copy.
inline at::Tensor vectors_contiguous(const at::Tensor& x) {
  return x.dim() < 4 || x.size(3) <= 1 || x.stride(3) == 1 ? x : x.contiguous();
}

/// x [b, t, h, width] or [b, t, h] as a kernel sees it; an empty tensor is none.
template <class T>
kernels::HeadVectors<T> head_vectors(const at::Tensor& x) {
  if (x.numel() == 0) return {};
  return {x.data_ptr<std::remove_const_t<T>>(), x.stride(0), x.stride(1), x.stride(2)};
}

template <class T>
T* data_or_null(const at::Tensor& x) {
  return x.numel() == 0 ? nullptr : x.data_ptr<std::remove_const_t<T>>();
}

/// Operators take an empty tensor for "none": Function::apply of libtorch 1.13 refuses undefined ones.
inline at::Tensor empty_if_none(const at::Tensor& x, const at::Tensor& like) {
  return x.defined() ? x : at::empty({0}, like.options().requires_grad(false));
}

}  // namespace longwave::ops
