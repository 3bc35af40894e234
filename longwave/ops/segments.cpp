#include "longwave/ops/segments.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/segments.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Pair = std::tuple<Tensor, Tensor>;
using Triple = std::tuple<Tensor, Tensor, Tensor>;

Triple call_scaled(const Tensor& x, std::int64_t s) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::scaled_segments", "")
                             .typed<Triple(const Tensor&, std::int64_t)>();
  return op.call(x, s);
}

Pair call_next(const Tensor& next, const Tensor& z, const Tensor& mean, const Tensor& deviation) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::next_segments", "")
                             .typed<Pair(const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(next, z, mean, deviation);
}

Tensor call_next_grad(const Tensor& dforecast, const Tensor& dloss, const Tensor& next, const Tensor& z,
                      const Tensor& mean, const Tensor& deviation) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::next_segments_grad", "")
          .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(dforecast, dloss, next, z, mean, deviation);
}

void check_window(const Tensor& x, std::int64_t s) {
  check(x.dim() == 3 && x.size(1) > 0, "scaled_segments: x is ", x.sizes(), "; expected [b, l, c]");
  check(s > 0, "scaled_segments: s is ", s, "; expected at least 1");
}

void check_next(const Tensor& next, const Tensor& z, const Tensor& mean, const Tensor& deviation) {
  check(next.dim() == 4 && next.size(2) > 1, "next_segments: next is ", next.sizes(),
        "; expected [b, j, n, s] with n > 1");
  check(z.dim() == 4 && z.size(0) == next.size(0) && z.size(1) >= next.size(1) && z.size(2) == next.size(2) &&
            z.size(3) == next.size(3),
        "next_segments: z is ", z.sizes(), "; expected [b, c, n, s] for next ", next.sizes());
  for (const auto& [name, x] : {std::pair{"mean", mean}, {"deviation", deviation}})
    check(x.sizes() == at::IntArrayRef({z.size(0), z.size(1), 1}), "next_segments: ", name, " is ", x.sizes(),
          "; expected [b, c, 1] for z ", z.sizes());
}

std::int64_t segments_of(std::int64_t l, std::int64_t s) { return (l + s - 1) / s; }

// --- The definitions, in differentiable ATen operators

ScaledSegments composed_scaled(const Tensor& x, std::int64_t s) {
  check_window(x, s);
  const auto l = x.size(1), recent = std::min(s, l), n = segments_of(l, s);
  const auto series = x.transpose(1, 2).contiguous();  // [b, c, l]
  const auto mean = series.narrow(2, l - recent, recent).mean(2, true);
  const auto deviation = series.std(2, /*unbiased=*/true, /*keepdim=*/true) + 1e-8;
  const auto scaled = at::constant_pad_nd((series - mean) / deviation, {n * s - l, 0});
  return {scaled.view({x.size(0), x.size(2), n, s}), mean, deviation};
}

Pair composed_next(const Tensor& next, const Tensor& z, const Tensor& mean, const Tensor& deviation) {
  check_next(next, z, mean, deviation);
  const auto j = next.size(1), n = next.size(2);
  const auto of_targets = [&](const Tensor& all) { return all.narrow(1, z.size(1) - j, j); };
  const auto forecast = next.select(2, -1) * of_targets(deviation) + of_targets(mean);
  return {forecast.transpose(1, 2).contiguous(),
          at::mse_loss(next.narrow(2, 0, n - 1), of_targets(z).narrow(2, 1, n - 1))};
}

// --- CPU

Triple scaled_cpu(const Tensor& x_, std::int64_t s) {
  check_window(x_, s);
  check(x_.scalar_type() == at::kFloat, "scaled_segments: x is ", x_.scalar_type(), "; expected float");
  const auto x = x_.contiguous();
  const auto b = x.size(0), l = x.size(1), c = x.size(2), n = segments_of(l, s);
  const auto z = at::empty({b, c, n, s}, x.options()), mean = at::empty({b, c, 1}, x.options()),
             deviation = at::empty({b, c, 1}, x.options());
  kernels::scale_segments({.x = x.data_ptr<float>(), .b = b, .l = l, .c = c, .n = n, .s = s}, z.data_ptr<float>(),
                          mean.data_ptr<float>(), deviation.data_ptr<float>());
  return {z, mean, deviation};
}

/// All tensors contiguous.
kernels::NextSegments make_kernel(const Tensor& next, const Tensor& z, const Tensor& mean, const Tensor& deviation) {
  return {.next = next.data_ptr<float>(),
          .z = z.data_ptr<float>(),
          .mean = mean.data_ptr<float>(),
          .deviation = deviation.data_ptr<float>(),
          .b = z.size(0),
          .c = z.size(1),
          .j = next.size(1),
          .n = z.size(2),
          .s = z.size(3)};
}

Pair next_cpu(const Tensor& next_, const Tensor& z_, const Tensor& mean_, const Tensor& deviation_) {
  if (next_.scalar_type() == at::kDouble) return composed_next(next_, z_, mean_, deviation_);
  check_next(next_, z_, mean_, deviation_);
  const auto next = next_.contiguous(), z = z_.contiguous(), mean = mean_.contiguous(),
             deviation = deviation_.contiguous();
  const auto forecast = at::empty({next.size(0), next.size(3), next.size(1)}, next.options());
  const double loss = kernels::next_segments(make_kernel(next, z, mean, deviation), forecast.data_ptr<float>());
  return {forecast, at::full({}, loss, next.options())};
}

Tensor next_grad_cpu(const Tensor& dforecast_, const Tensor& dloss, const Tensor& next_, const Tensor& z_,
                     const Tensor& mean_, const Tensor& deviation_) {
  check_next(next_, z_, mean_, deviation_);
  const auto dforecast = dforecast_.contiguous(), next = next_.contiguous(), z = z_.contiguous(),
             mean = mean_.contiguous(), deviation = deviation_.contiguous();
  const auto dnext = at::empty(next.sizes(), next.options());
  kernels::next_segments_grad(make_kernel(next, z, mean, deviation), dforecast.data_ptr<float>(), dloss.item<float>(),
                              dnext.data_ptr<float>());
  return dnext;
}

// --- Meta: shapes and types only

Triple scaled_meta(const Tensor& x, std::int64_t s) {
  check_window(x, s);
  const auto b = x.size(0), c = x.size(2);
  return {at::empty({b, c, segments_of(x.size(1), s), s}, x.options()), at::empty({b, c, 1}, x.options()),
          at::empty({b, c, 1}, x.options())};
}

Pair next_meta(const Tensor& next, const Tensor& z, const Tensor& mean, const Tensor& deviation) {
  check_next(next, z, mean, deviation);
  return {at::empty({next.size(0), next.size(3), next.size(1)}, next.options()), at::empty({}, next.options())};
}

Tensor next_grad_meta(const Tensor&, const Tensor&, const Tensor& next, const Tensor&, const Tensor&, const Tensor&) {
  return at::empty(next.sizes(), next.options());
}

// --- Autograd

struct Next : torch::autograd::Function<Next> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& next,
                                                const Tensor& z, const Tensor& mean, const Tensor& deviation) {
    ctx->save_for_backward({next, z, mean, deviation});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [forecast, loss] = call_next(next, z, mean, deviation);
    return {forecast, loss};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "next_segments: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const Tensor none;
    return {call_next_grad(grads[0], grads[1], s[0], s[1], s[2], s[3]), none, none, none};
  }
};

Pair next_autograd(const Tensor& next, const Tensor& z, const Tensor& mean, const Tensor& deviation) {
  const bool data_need_gradients = z.requires_grad() || mean.requires_grad() || deviation.requires_grad();
  if (next.scalar_type() == at::kDouble || data_need_gradients) return composed_next(next, z, mean, deviation);
  const auto out = Next::apply(next, z, mean, deviation);
  return {out[0], out[1]};
}

}  // namespace

ScaledSegments scaled_segments(const Tensor& x, std::int64_t s) {
  if (x.scalar_type() != at::kFloat || (x.requires_grad() && at::GradMode::is_enabled())) return composed_scaled(x, s);
  const auto [z, mean, deviation] = call_scaled(x, s);
  return {z, mean, deviation};
}

std::pair<Tensor, Tensor> next_segments(const Tensor& next, const ScaledSegments& of) {
  const auto [forecast, loss] = call_next(next, of.z, of.mean, of.deviation);
  return {forecast, loss};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("scaled_segments(Tensor x, int s) -> (Tensor, Tensor, Tensor)");
  library.def("next_segments(Tensor next, Tensor z, Tensor mean, Tensor deviation) -> (Tensor, Tensor)");
  library.def(
      "next_segments_grad(Tensor dforecast, Tensor dloss, Tensor next, Tensor z, Tensor mean, Tensor deviation) -> "
      "Tensor");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("scaled_segments", &scaled_cpu);
  library.impl("next_segments", &next_cpu);
  library.impl("next_segments_grad", &next_grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("scaled_segments", &scaled_meta);
  library.impl("next_segments", &next_meta);
  library.impl("next_segments_grad", &next_grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("next_segments", &next_autograd); }

}  // namespace longwave::ops
