#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// x [b, t, d] with `value` at the steps where valid [b, t, 1] (bool) is false, whatever x has there. The gradient is
/// zero at these steps. float and double.
at::Tensor fill_steps(const at::Tensor& x, const at::Tensor& valid, double value);

/// x [b, t, d] with the first lengths[i] steps of row i in reverse order, the others where they are. float and double.
at::Tensor reverse_steps(const at::Tensor& x, const at::Tensor& lengths);

}  // namespace longwave::ops
