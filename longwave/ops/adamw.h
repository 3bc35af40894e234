#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace longwave::ops {

/// Settings of one AdamW step (Loshchilov and Hutter 2019), decoupled decay. The betas may differ between steps
/// (momentum cycling): the bias correction is 1 - beta^step with the betas of this step.
struct AdamwStep {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
  std::int64_t step = 1;  // 1 for the first
  double grad_scale = 1;  // factor on every gradient: the clipping factor min(1, max_norm / (norm + 1e-6))
};

/// Euclidean norm of all gradients together; undefined ones are skipped. Same bits for any number of threads.
/// Not finite exactly when some gradient is not finite (or overflows).
double grad_norm(const std::vector<at::Tensor>& grads);

/// Updates parameters and averages in place, one pass each. All lists have one length; a parameter whose gradient is
/// undefined is left alone altogether (no decay). Parameters and averages: contiguous, float or double.
void adamw_step(const std::vector<at::Tensor>& params, const std::vector<at::Tensor>& grads,
                const std::vector<at::Tensor>& exp_avg, const std::vector<at::Tensor>& exp_avg_sq,
                const AdamwStep& step);

}  // namespace longwave::ops
