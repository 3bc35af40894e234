#pragma once

#include <ATen/core/Tensor.h>

namespace longwave {

/// Logarithms of fresh step sizes, uniform between those of `low` and `high`, drawn from the default generator.
/// UserError in the name of the mixer `what` unless 0 < low <= high.
at::Tensor draw_log_steps(const char* what, at::IntArrayRef sizes, double low, double high,
                          at::ScalarType type = at::kFloat);

/// The bias whose softplus is `step` > 0.
at::Tensor softplus_inverse(const at::Tensor& step);

}  // namespace longwave
