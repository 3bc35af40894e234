#include "longwave/ops/adamw.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/kernels/adamw.h"
#include "longwave/ops/scalars.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using at::TensorList;

Tensor call_norm(TensorList grads) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("longwave::grad_norm", "").typed<Tensor(TensorList)>();
  return op.call(grads);
}

void call_step(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq, const AdamwStep& s) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::adamw_step", "")
                             .typed<void(TensorList, TensorList, TensorList, TensorList, double, double, double, double,
                                         double, std::int64_t, double)>();
  op.call(params, grads, exp_avg, exp_avg_sq, s.lr, s.beta1, s.beta2, s.eps, s.weight_decay, s.step, s.grad_scale);
}

void check_counts(std::size_t n, std::size_t grads, std::size_t averages, std::size_t squares) {
  check(grads == n && averages == n && squares == n, "adamw: ", n, " parameters but ", grads, " gradients, ", averages,
        " averages and ", squares, " averages of squares");
}

void check_part(const Tensor& w, const Tensor& x, const char* name, std::size_t i, bool written) {
  check(x.defined() && x.sizes() == w.sizes(), "adamw: ", name, " ", i, " is ",
        x.defined() ? x.sizes() : at::IntArrayRef(), "; expected ", w.sizes(), " like its parameter");
  check(x.scalar_type() == w.scalar_type(), "adamw: ", name, " ", i, " is ", x.scalar_type(), "; expected ",
        w.scalar_type(), " like its parameter");
  check(!written || x.is_contiguous(), "adamw: ", name, " ", i, " is not contiguous");
}

void check_settings(const AdamwStep& s) {
  check(s.step >= 1, "adamw: step is ", s.step, "; expected 1 for the first");
  for (const auto& [name, x] :
       {std::pair{"lr", s.lr}, {"eps", s.eps}, {"weight_decay", s.weight_decay}, {"grad_scale", s.grad_scale}})
    check_not_negative("adamw", name, x);
  for (const auto& [name, beta] : {std::pair{"beta1", s.beta1}, {"beta2", s.beta2}})
    check(beta >= 0 && beta < 1, "adamw: ", name, " is ", beta, "; expected in [0, 1)");
}

void check_inputs(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq, const AdamwStep& s) {
  check_counts(params.size(), grads.size(), exp_avg.size(), exp_avg_sq.size());
  check_settings(s);
  for (std::size_t i = 0; i < params.size(); ++i) {
    const auto& w = params[i];
    check(w.scalar_type() == at::kFloat || w.scalar_type() == at::kDouble, "adamw: parameter ", i, " is ",
          w.scalar_type(), "; expected float or double");
    check_part(w, w, "parameter", i, true);
    check_part(w, grads[i], "gradient", i, false);
    check_part(w, exp_avg[i], "average", i, true);
    check_part(w, exp_avg_sq[i], "average of squares", i, true);
  }
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

// --- CPU

Tensor norm_cpu(TensorList grads) {
  std::vector<kernels::AdamWPart> parts;
  std::vector<Tensor> keep;  // of gradients that had to be copied
  double total = 0;
  for (const auto& grad : grads) {
    if (grad.scalar_type() != at::kFloat) {
      total += grad.to(at::kDouble).square().sum().item<double>();
      continue;
    }
    keep.push_back(grad.contiguous());
    parts.push_back({nullptr, keep.back().data_ptr<float>(), nullptr, nullptr, grad.numel()});
  }
  return at::scalar_tensor(std::sqrt(total + kernels::sum_of_squares(parts)), at::kDouble);
}

void step_cpu(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq, double lr, double beta1,
              double beta2, double eps, double weight_decay, std::int64_t count, double grad_scale) {
  const AdamwStep step{lr, beta1, beta2, eps, weight_decay, count, grad_scale};
  check_inputs(params, grads, exp_avg, exp_avg_sq, step);
  const at::NoGradGuard no_grad;
  std::vector<kernels::AdamWPart> parts;
  std::vector<Tensor> keep;  // of gradients that had to be copied
  for (std::size_t i = 0; i < params.size(); ++i) {
    const auto& w = params[i];
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

// --- Meta: shapes and types only

Tensor norm_meta(TensorList grads) { return at::empty({}, grads[0].options().dtype(at::kDouble)); }

void step_meta(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq, double lr, double beta1,
               double beta2, double eps, double weight_decay, std::int64_t count, double grad_scale) {
  check_inputs(params, grads, exp_avg, exp_avg_sq, {lr, beta1, beta2, eps, weight_decay, count, grad_scale});
}

}  // namespace

// Operators are found by their tensors: lists hold no undefined ones, and empty lists call nothing.

double grad_norm(const std::vector<Tensor>& grads) {
  std::vector<Tensor> defined;
  for (const auto& grad : grads)
    if (grad.defined()) defined.push_back(grad);
  return defined.empty() ? 0 : call_norm(defined).item<double>();
}

void adamw_step(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& exp_avg,
                const std::vector<Tensor>& exp_avg_sq, const AdamwStep& step) {
  check_counts(params.size(), grads.size(), exp_avg.size(), exp_avg_sq.size());
  std::vector<Tensor> w, g, m, v;
  for (std::size_t i = 0; i < params.size(); ++i)
    if (grads[i].defined())
      w.push_back(params[i]), g.push_back(grads[i]), m.push_back(exp_avg[i]), v.push_back(exp_avg_sq[i]);
  if (!w.empty()) call_step(w, g, m, v, step);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("grad_norm(Tensor[] grads) -> Tensor");
  library.def(
      "adamw_step(Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] exp_avg, Tensor(c!)[] exp_avg_sq, float lr, "
      "float beta1, float beta2, float eps, float weight_decay, int step, float grad_scale) -> ()");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("grad_norm", &norm_cpu);
  library.impl("adamw_step", &step_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("grad_norm", &norm_meta);
  library.impl("adamw_step", &step_meta);
}

}  // namespace longwave::ops
