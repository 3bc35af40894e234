#include "longwave/ops/adamw.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/kernels/adamw.h"

namespace longwave::ops {
namespace {

using at::Tensor;

void check_part(const Tensor& w, const Tensor& x, const char* name, std::size_t i, bool written) {
  check(x.defined() && x.sizes() == w.sizes(), "adamw: ", name, " ", i, " is ",
        x.defined() ? x.sizes() : at::IntArrayRef(), "; expected ", w.sizes(), " like its parameter");
  check(x.scalar_type() == w.scalar_type(), "adamw: ", name, " ", i, " is ", x.scalar_type(), "; expected ",
        w.scalar_type(), " like its parameter");
  check(!written || x.is_contiguous(), "adamw: ", name, " ", i, " is not contiguous");
}

void step_double(const Tensor& w, const Tensor& gradient, const Tensor& m, const Tensor& v, const AdamwStep& s) {
  const auto g = gradient * s.grad_scale;
  w.mul_(1 - s.lr * s.weight_decay);
  m.add_(g - m, 1 - s.beta1);
  v.mul_(s.beta2).addcmul_(g, g, 1 - s.beta2);
  const auto root = v.sqrt() / std::sqrt(1 - std::pow(s.beta2, s.step));
  w.addcdiv_(m, root.add_(s.eps), -s.lr / (1 - std::pow(s.beta1, s.step)));
}

kernels::AdamWScalars scalars_of(const AdamwStep& s) {
  const auto single = [](double value) { return static_cast<float>(value); };
  return {.decay = single(1 - s.lr * s.weight_decay),
          .beta1 = single(s.beta1),
          .beta2 = single(s.beta2),
          .rate = single(s.lr / (1 - std::pow(s.beta1, s.step))),
          .inverse_root = single(1 / std::sqrt(1 - std::pow(s.beta2, s.step))),
          .eps = single(s.eps),
          .gradient_scale = single(s.grad_scale)};
}

}  // namespace

double grad_norm(const std::vector<Tensor>& grads) {
  std::vector<kernels::AdamWPart> parts;
  std::vector<Tensor> keep;  // of gradients that had to be copied
  double total = 0;
  for (const auto& grad : grads) {
    if (!grad.defined()) continue;
    if (grad.scalar_type() != at::kFloat) {
      total += grad.to(at::kDouble).square().sum().item<double>();
      continue;
    }
    keep.push_back(grad.contiguous());
    parts.push_back({nullptr, keep.back().data_ptr<float>(), nullptr, nullptr, grad.numel()});
  }
  return std::sqrt(total + kernels::sum_of_squares(parts));
}

void adamw_step(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& exp_avg,
                const std::vector<Tensor>& exp_avg_sq, const AdamwStep& step) {
  const auto n = params.size();
  check(grads.size() == n && exp_avg.size() == n && exp_avg_sq.size() == n, "adamw: ", n, " parameters but ",
        grads.size(), " gradients, ", exp_avg.size(), " averages and ", exp_avg_sq.size(), " averages of squares");
  check(step.step >= 1, "adamw: step is ", step.step, "; expected 1 for the first");
  const at::NoGradGuard no_grad;
  std::vector<kernels::AdamWPart> parts;
  std::vector<Tensor> keep;  // of gradients that had to be copied
  for (std::size_t i = 0; i < n; ++i) {
    const auto& w = params[i];
    if (!grads[i].defined()) continue;
    check(w.scalar_type() == at::kFloat || w.scalar_type() == at::kDouble, "adamw: parameter ", i, " is ",
          w.scalar_type(), "; expected float or double");
    check_part(w, w, "parameter", i, true);
    check_part(w, grads[i], "gradient", i, false);
    check_part(w, exp_avg[i], "average", i, true);
    check_part(w, exp_avg_sq[i], "average of squares", i, true);
    if (w.scalar_type() == at::kDouble) {
      step_double(w, grads[i], exp_avg[i], exp_avg_sq[i], step);
      continue;
    }
    keep.push_back(grads[i].contiguous());
    parts.push_back({w.data_ptr<float>(), keep.back().data_ptr<float>(), exp_avg[i].data_ptr<float>(),
                     exp_avg_sq[i].data_ptr<float>(), w.numel()});
    w.unsafeGetTensorImpl()->bump_version();  // what is computed from weights once may ask whether they changed
  }
  kernels::adamw(parts, scalars_of(step));
}

}  // namespace longwave::ops
