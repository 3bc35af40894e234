#include "longwave/ops/linear_cross_entropy.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "longwave/base/check.h"
#include "longwave/kernels/cross_entropy.h"
#include "longwave/ops/given.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor>;            // losses, log-sum-exp
using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // dx, dweight, dbias
using Both = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;

constexpr std::int64_t kLogits = 8 << 20;  // at a time: 32 MiB, enough rows for the matrix products to be fast

Outputs call_forward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                     std::int64_t ignored) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::linear_cross_entropy", "")
          .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, std::int64_t)>();
  return op.call(x, weight, bias, targets, ignored);
}

Both call_both(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets, std::int64_t ignored) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::linear_cross_entropy_both", "")
                             .typed<Both(const Tensor&, const Tensor&, const Tensor&, const Tensor&, std::int64_t)>();
  return op.call(x, weight, bias, targets, ignored);
}

Gradients call_grad(const Tensor& dloss, const Tensor& lse, const Tensor& x, const Tensor& weight, const Tensor& bias,
                    const Tensor& targets, std::int64_t ignored) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::linear_cross_entropy_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, std::int64_t)>();
  return op.call(dloss, lse, x, weight, bias, targets, ignored);
}

/// `bias` is empty where there is none: Function::apply of libtorch 1.13 refuses undefined tensors.
void check_shapes(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets) {
  check(x.dim() == 2, "linear_cross_entropy: x is ", x.sizes(), "; expected [n, d]");
  check(weight.dim() == 2 && weight.size(1) == x.size(1) && weight.size(0) > 0, "linear_cross_entropy: weight is ",
        weight.sizes(), "; expected [classes, ", x.size(1), "] to fit x ", x.sizes());
  check(bias.numel() == 0 || bias.sizes() == at::IntArrayRef({weight.size(0)}), "linear_cross_entropy: bias is ",
        bias.sizes(), "; expected [", weight.size(0), "]");
  check(targets.sizes() == at::IntArrayRef({x.size(0)}) && targets.scalar_type() == at::kLong,
        "linear_cross_entropy: targets is ", targets.scalar_type(), " ", targets.sizes(), "; expected int64 [",
        x.size(0), "]");
  const auto type = x.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "linear_cross_entropy: x is ", type, "; expected float or double");
  for (const auto& [name, other] : {std::pair{"weight", weight}, {"bias", bias}})
    check(other.scalar_type() == type, "linear_cross_entropy: ", name, " is ", other.scalar_type(), "; expected ", type,
          " like x");
}

void check_targets(const Tensor& targets, std::int64_t classes, std::int64_t ignored) {
  const auto* target = targets.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < targets.numel(); ++i)
    check(target[i] == ignored || (target[i] >= 0 && target[i] < classes), "linear_cross_entropy: target ", i, " is ",
          target[i], "; expected 0 .. ", classes - 1, ", or ", ignored, " to ignore the row");
}

/// The definition, in differentiable ATen operators; what double runs.
Outputs composed(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                 std::int64_t ignored) {
  check_shapes(x, weight, bias, targets);
  check_targets(targets.contiguous(), weight.size(0), ignored);
  const auto logits = bias.numel() ? at::linear(x, weight, bias) : at::linear(x, weight);
  const auto lse = at::logsumexp(logits, {1});
  const auto skip = targets == ignored;
  const auto picked = logits.gather(1, targets.masked_fill(skip, 0).unsqueeze(1)).squeeze(1);
  return {(lse - picked).masked_fill(skip, 0), lse};
}

// --- CPU

/// Calls body(first, rows, logits) for some rows at a time; how many depends on the shape alone.
template <class Body>
void for_logits(const Tensor& x, const Tensor& weight, const Tensor& bias, Body body) {
  const auto n = x.size(0), classes = weight.size(0);
  const auto most = std::min(n, std::max<std::int64_t>(16, kLogits / classes));
  const auto buffer = at::empty({most, classes}, x.options());
  for (std::int64_t first = 0; first < n; first += most) {
    const auto rows = std::min(most, n - first);
    auto logits = buffer.narrow(0, 0, rows);
    if (bias.numel())
      at::addmm_out(logits, bias, x.narrow(0, first, rows), weight.t());
    else
      at::mm_out(logits, x.narrow(0, first, rows), weight.t());
    body(first, rows, logits);
  }
}

kernels::CrossEntropy make_kernel(const Tensor& targets, std::int64_t first, std::int64_t rows, std::int64_t classes,
                                  std::int64_t ignored) {
  return {targets.data_ptr<std::int64_t>() + first, rows, classes, ignored};
}

Outputs forward_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets_,
                    std::int64_t ignored) {
  if (x.scalar_type() == at::kDouble) return composed(x, weight, bias, targets_, ignored);
  check_shapes(x, weight, bias, targets_);
  const auto targets = targets_.contiguous();
  check_targets(targets, weight.size(0), ignored);
  const auto losses = at::empty({x.size(0)}, x.options()), lse = at::empty({x.size(0)}, x.options());
  for_logits(x, weight, bias, [&](std::int64_t first, std::int64_t rows, const Tensor& logits) {
    kernels::cross_entropy(make_kernel(targets, first, rows, weight.size(0), ignored), logits.data_ptr<float>(),
                           losses.data_ptr<float>() + first, lse.data_ptr<float>() + first);
  });
  return {losses, lse};
}

/// Gradients that grow with each piece of rows.
struct Growing {
  Growing(const Tensor& x_, const Tensor& weight_, const Tensor& bias)
      : x(x_),
        weight(weight_),
        dx(at::empty(x.sizes(), x.options())),
        dweight(at::zeros(weight.sizes(), weight.options())),
        dbias(at::zeros(bias.sizes(), bias.options())) {}

  /// d: the gradients of the logits of `rows` rows.
  void add(std::int64_t first, std::int64_t rows, const Tensor& d) {
    auto to = dx.narrow(0, first, rows);
    at::mm_out(to, d, weight);
    dweight.addmm_(d.t(), x.narrow(0, first, rows));
    if (dbias.numel()) kernels::add_sums_over_rows(d.data_ptr<float>(), rows, d.size(1), dbias.data_ptr<float>());
  }

  Tensor x, weight, dx, dweight, dbias;
};

/// Losses, and the gradients of their sum: the logits are made once.
Both both_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets_, std::int64_t ignored) {
  check_shapes(x, weight, bias, targets_);
  check(x.scalar_type() == at::kFloat, "linear_cross_entropy_both: x is ", x.scalar_type(), "; expected float");
  const auto targets = targets_.contiguous();
  check_targets(targets, weight.size(0), ignored);
  const auto losses = at::empty({x.size(0)}, x.options()), lse = at::empty({x.size(0)}, x.options());
  Growing gradients(x, weight, bias);
  for_logits(x, weight, bias, [&](std::int64_t first, std::int64_t rows, const Tensor& logits) {
    kernels::cross_entropy_sum_grad(make_kernel(targets, first, rows, weight.size(0), ignored),
                                    logits.data_ptr<float>(), losses.data_ptr<float>() + first,
                                    lse.data_ptr<float>() + first);
    gradients.add(first, rows, logits);
  });
  return {losses, lse, gradients.dx, gradients.dweight, gradients.dbias};
}

Gradients grad_cpu(const Tensor& dloss_, const Tensor& lse_, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   const Tensor& targets_, std::int64_t ignored) {
  check_shapes(x, weight, bias, targets_);
  check(x.scalar_type() == at::kFloat, "linear_cross_entropy_grad: x is ", x.scalar_type(), "; expected float");
  check_given("linear_cross_entropy_grad", "lse", lse_, {x.size(0)}, x);
  check_given("linear_cross_entropy_grad", "dloss", dloss_, {x.size(0)}, x);
  const auto dloss = dloss_.contiguous(), targets = targets_.contiguous(), lse = lse_.contiguous();
  check_targets(targets, weight.size(0), ignored);
  Growing gradients(x, weight, bias);
  for_logits(x, weight, bias, [&](std::int64_t first, std::int64_t rows, const Tensor& logits) {
    kernels::cross_entropy_grad(make_kernel(targets, first, rows, weight.size(0), ignored),
                                lse.data_ptr<float>() + first, dloss.data_ptr<float>() + first,
                                logits.data_ptr<float>());
    gradients.add(first, rows, logits);
  });
  return {gradients.dx, gradients.dweight, gradients.dbias};
}

// --- Meta: shapes and types only

Outputs forward_meta(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets, std::int64_t) {
  check_shapes(x, weight, bias, targets);
  return {at::empty({x.size(0)}, x.options()), at::empty({x.size(0)}, x.options())};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor& x, const Tensor& weight, const Tensor& bias,
                    const Tensor&, std::int64_t) {
  const auto like = [](const Tensor& v) { return at::empty(v.sizes(), v.options()); };
  return {like(x), like(weight), like(bias)};
}

Both both_meta(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets, std::int64_t ignored) {
  return std::tuple_cat(forward_meta(x, weight, bias, targets, ignored), grad_meta({}, {}, x, weight, bias, {}, 0));
}

// --- Autograd

/// The gradient that all rows with a target have in common, as it is for a mean or a sum.
std::optional<float> common_gradient(const Tensor& dloss_, const Tensor& targets_, std::int64_t ignored) {
  const auto dloss = dloss_.contiguous(), targets = targets_.contiguous();
  const auto* d = dloss.data_ptr<float>();
  const auto* target = targets.data_ptr<std::int64_t>();
  std::optional<float> common;
  for (std::int64_t i = 0; i < dloss.numel(); ++i) {
    if (target[i] == ignored) continue;
    if (common.value_or(d[i]) != d[i]) return {};
    common = d[i];
  }
  return common.value_or(0);
}

struct LinearCrossEntropy : torch::autograd::Function<LinearCrossEntropy> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& x,
                                                const Tensor& weight, const Tensor& bias, const Tensor& targets,
                                                std::int64_t ignored) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [losses, lse, dx, dweight, dbias] = call_both(x, weight, bias, targets, ignored);
    ctx->save_for_backward({lse, x, weight, bias, targets, dx, dweight, dbias});
    ctx->saved_data["ignored"] = ignored;
    ctx->mark_non_differentiable({lse});
    ctx->set_materialize_grads(false);
    return {losses, lse};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(),
          "linear_cross_entropy: second derivatives are not implemented for float; use double");
    if (!grads[0].defined()) return {Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
    const auto s = ctx->get_saved_variables();
    const auto ignored = ctx->saved_data["ignored"].toInt();
    const auto common = common_gradient(grads[0], s[4], ignored);
    const auto [dx, dweight, dbias] = common ? Gradients{s[5] * *common, s[6] * *common, s[7] * *common}
                                             : call_grad(grads[0], s[0], s[1], s[2], s[3], s[4], ignored);
    return {dx, dweight, s[3].numel() ? dbias : Tensor(), Tensor(), Tensor()};
  }
};

Outputs forward_autograd(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                         std::int64_t ignored) {
  if (x.scalar_type() == at::kDouble) return composed(x, weight, bias, targets, ignored);
  const bool asks = x.requires_grad() || weight.requires_grad() || bias.requires_grad();
  if (!asks || !at::GradMode::is_enabled()) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_forward(x, weight, bias, targets, ignored);
  }
  const auto out = LinearCrossEntropy::apply(x, weight, bias, targets, ignored);
  return {out[0], out[1]};
}

}  // namespace

Tensor linear_cross_entropies(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                              std::int64_t ignored) {
  const auto b = bias.defined() ? bias : at::empty({0}, x.options().requires_grad(false));
  return std::get<0>(call_forward(x, weight, b, targets, ignored));
}

Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                            std::int64_t ignored) {
  const auto counted = (targets != ignored).sum().clamp_min(1).to(x.scalar_type());
  return linear_cross_entropies(x, weight, bias, targets, ignored).sum() / counted;
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "linear_cross_entropy(Tensor x, Tensor weight, Tensor bias, Tensor targets, int ignored) -> (Tensor, Tensor)");
  library.def(
      "linear_cross_entropy_both(Tensor x, Tensor weight, Tensor bias, Tensor targets, int ignored) -> "
      "(Tensor, Tensor, Tensor, Tensor, Tensor)");
  library.def(
      "linear_cross_entropy_grad(Tensor dloss, Tensor lse, Tensor x, Tensor weight, Tensor bias, Tensor targets, int "
      "ignored) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("linear_cross_entropy", &forward_cpu);
  library.impl("linear_cross_entropy_both", &both_cpu);
  library.impl("linear_cross_entropy_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("linear_cross_entropy", &forward_meta);
  library.impl("linear_cross_entropy_both", &both_meta);
  library.impl("linear_cross_entropy_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("linear_cross_entropy", &forward_autograd); }

}  // namespace longwave::ops
