#pragma once

#include <ATen/core/Tensor.h>

#include "longwave/base/check.h"

namespace longwave::ops {

/// Checks that `x`, which an operator takes under this name, has these sizes and the element type of `like`:
/// who calls it by hand gets one line where the kernel would read what is not there.
inline void check_given(const char* op, const char* name, const at::Tensor& x, at::IntArrayRef sizes,
                        const at::Tensor& like) {
  check(x.sizes() == sizes && x.scalar_type() == like.scalar_type(), op, ": ", name, " is ", x.scalar_type(), " ",
        x.sizes(), "; expected ", like.scalar_type(), " ", sizes);
}

/// The same of one that may be left out: an empty tensor.
inline void check_if_given(const char* op, const char* name, const at::Tensor& x, at::IntArrayRef sizes,
                           const at::Tensor& like) {
  if (x.numel() > 0) check_given(op, name, x, sizes, like);
}

}  // namespace longwave::ops
