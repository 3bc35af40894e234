#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// h[t] = a[t] * h[t-1] + u[t] along time, per channel.
/// a, u: [b, t, d] with t > 0, float or double, or complex of either; h_init: [b, d], undefined: zeros. Returns h like
/// u. Differentiable once in all inputs. The state to carry on is h[:, -1]; a padded step keeps it with a = 1, u = 0.
at::Tensor linear_scan(const at::Tensor& a, const at::Tensor& u, const at::Tensor& h_init = {});

}  // namespace longwave::ops
