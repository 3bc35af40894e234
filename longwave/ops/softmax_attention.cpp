#include "longwave/ops/softmax_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/kernels/softmax_attention.h"
#include "longwave/ops/given.h"
#include "longwave/ops/scalars.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor>;            // y, lse
using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // dq, dk, dv

Outputs call_forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& key_mask, const Tensor& offsets,
                     const Tensor& slopes, double scale, bool causal) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::softmax_attention", "")
                             .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                            const Tensor&, double, bool)>();
  return op.call(q, k, v, key_mask, offsets, slopes, scale, causal);
}

Gradients call_grad(const Tensor& dy, const Tensor& dlse, const Tensor& y, const Tensor& lse, const Tensor& q,
                    const Tensor& k, const Tensor& v, const Tensor& key_mask, const Tensor& offsets,
                    const Tensor& slopes, double scale, bool causal) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::softmax_attention_grad", "")
          .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                           const Tensor&, const Tensor&, const Tensor&, const Tensor&, double, bool)>();
  return op.call(dy, dlse, y, lse, q, k, v, key_mask, offsets, slopes, scale, causal);
}

/// key_mask, offsets and slopes are empty where there are none: Function::apply of libtorch 1.13 refuses undefined
/// tensors.
void check_inputs(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& key_mask, const Tensor& offsets,
                  const Tensor& slopes, double scale) {
  check_finite("softmax_attention", "scale", scale);
  check(q.dim() == 4, "softmax_attention: q is ", q.sizes(), "; expected [b, t, h, d]");
  const auto b = q.size(0), h = q.size(2), d = q.size(3);
  check(k.dim() == 4 && k.size(0) == b && k.size(3) == d && k.size(2) > 0 && h % k.size(2) == 0,
        "softmax_attention: k is ", k.sizes(), "; expected [", b, ", s, divisor of ", h, ", ", d, "] to fit q ",
        q.sizes());
  check(v.dim() == 4 && v.sizes().slice(0, 3) == k.sizes().slice(0, 3), "softmax_attention: v is ", v.sizes(),
        "; expected [", b, ", ", k.size(1), ", ", k.size(2), ", e] like k");
  const auto type = q.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "softmax_attention: q is ", type, "; expected float or double");
  for (const auto& [name, x] : {std::pair{"k", k}, {"v", v}})
    check(x.scalar_type() == type, "softmax_attention: ", name, " is ", x.scalar_type(), "; expected ", type,
          " like q");
  check(key_mask.numel() == 0 ||
            (key_mask.sizes() == at::IntArrayRef({b, k.size(1)}) && key_mask.scalar_type() == at::kBool),
        "softmax_attention: key_mask is ", key_mask.scalar_type(), " ", key_mask.sizes(), "; expected bool [", b, ", ",
        k.size(1), "]");
  check(offsets.numel() == 0 || (offsets.sizes() == at::IntArrayRef({b}) && offsets.scalar_type() == at::kLong),
        "softmax_attention: offsets is ", offsets.scalar_type(), " ", offsets.sizes(), "; expected int64 [", b, "]");
  check_if_given("softmax_attention", "slopes", slopes, {h}, q);
}

Outputs allocate(const Tensor& q, const Tensor& v) {
  return {at::empty({q.size(0), q.size(1), q.size(2), v.size(3)}, q.options()),
          at::empty({q.size(0), q.size(2), q.size(1)}, q.options())};
}

// --- CPU

/// x itself where the numbers of a step are contiguous (slices of a joint projection are), else a copy.
Tensor steps_contiguous(const Tensor& x) { return x.stride(3) == 1 && x.stride(2) == x.size(3) ? x : x.contiguous(); }

template <class T>
kernels::SoftmaxAttention<T> make_kernel(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& key_mask,
                                         const Tensor& offsets, const Tensor& slopes, double scale, bool causal,
                                         const Tensor& y, const Tensor& lse) {
  return {.q = q.data_ptr<T>(),
          .k = k.data_ptr<T>(),
          .v = v.data_ptr<T>(),
          .q_row = q.stride(0),
          .q_step = q.stride(1),
          .k_row = k.stride(0),
          .k_step = k.stride(1),
          .v_row = v.stride(0),
          .v_step = v.stride(1),
          .key_mask = key_mask.numel() ? key_mask.data_ptr<bool>() : nullptr,
          .offsets = offsets.numel() ? offsets.data_ptr<std::int64_t>() : nullptr,
          .slopes = slopes.numel() ? slopes.data_ptr<T>() : nullptr,
          .b = q.size(0),
          .t = q.size(1),
          .s = k.size(1),
          .heads = q.size(2),
          .key_heads = k.size(2),
          .d = q.size(3),
          .e = v.size(3),
          .scale = static_cast<T>(scale == 0 ? 1 / std::sqrt(static_cast<double>(q.size(3))) : scale),
          .causal = causal,
          .y = y.data_ptr<T>(),
          .lse = lse.data_ptr<T>()};
}

Outputs forward_cpu(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& key_mask_,
                    const Tensor& offsets_, const Tensor& slopes_, double scale, bool causal) {
  check_inputs(q_, k_, v_, key_mask_, offsets_, slopes_, scale);
  const auto q = steps_contiguous(q_), k = steps_contiguous(k_), v = steps_contiguous(v_);
  const auto key_mask = key_mask_.contiguous(), offsets = offsets_.contiguous(), slopes = slopes_.contiguous();
  const auto outputs = allocate(q, v);
  const auto& [y, lse] = outputs;
  if (q.scalar_type() == at::kDouble) {
    kernels::softmax_attention_reference(
        make_kernel<double>(q, k, v, key_mask, offsets, slopes, scale, causal, y, lse));
  } else {
    const auto kernel = make_kernel<float>(q, k, v, key_mask, offsets, slopes, scale, causal, y, lse);
    const auto workspace = at::empty({kernels::softmax_attention_workspace(kernel)}, q.options());
    kernels::softmax_attention(kernel, workspace.data_ptr<float>());
  }
  return outputs;
}

template <class T>
kernels::SoftmaxAttentionGrad<T> make_grad(const kernels::SoftmaxAttention<T>& forward, const Tensor& dy,
                                           const Tensor& dlse, const Gradients& to) {
  return {.forward = forward,
          .dy = dy.data_ptr<T>(),
          .dlse = dlse.numel() ? dlse.data_ptr<T>() : nullptr,
          .dq = std::get<0>(to).template data_ptr<T>(),
          .dk = std::get<1>(to).template data_ptr<T>(),
          .dv = std::get<2>(to).template data_ptr<T>()};
}

Gradients like_inputs(const Tensor& q, const Tensor& k, const Tensor& v) {
  return {at::empty(q.sizes(), q.options()), at::empty(k.sizes(), k.options()), at::empty(v.sizes(), v.options())};
}

Gradients grad_cpu(const Tensor& dy_, const Tensor& dlse_, const Tensor& y_, const Tensor& lse_, const Tensor& q_,
                   const Tensor& k_, const Tensor& v_, const Tensor& key_mask_, const Tensor& offsets_,
                   const Tensor& slopes_, double scale, bool causal) {
  check_inputs(q_, k_, v_, key_mask_, offsets_, slopes_, scale);
  constexpr auto kOp = "softmax_attention_grad";
  const auto b = q_.size(0), t = q_.size(1), h = q_.size(2);
  check_given(kOp, "y", y_, {b, t, h, v_.size(3)}, q_);
  check_given(kOp, "dy", dy_, y_.sizes(), q_);
  check_given(kOp, "lse", lse_, {b, h, t}, q_);
  check_if_given(kOp, "dlse", dlse_, {b, h, t}, q_);
  const auto q = steps_contiguous(q_), k = steps_contiguous(k_), v = steps_contiguous(v_);
  const auto key_mask = key_mask_.contiguous(), offsets = offsets_.contiguous(), slopes = slopes_.contiguous(),
             y = y_.contiguous(), lse = lse_.contiguous(), dy = dy_.contiguous(), dlse = dlse_.contiguous();
  const auto gradients = like_inputs(q, k, v);
  if (q.scalar_type() == at::kDouble) {
    const auto forward = make_kernel<double>(q, k, v, key_mask, offsets, slopes, scale, causal, y, lse);
    kernels::softmax_attention_grad_reference(make_grad<double>(forward, dy, dlse, gradients));
  } else {
    const auto forward = make_kernel<float>(q, k, v, key_mask, offsets, slopes, scale, causal, y, lse);
    const auto kernel = make_grad<float>(forward, dy, dlse, gradients);
    const auto workspace = at::empty({kernels::softmax_attention_grad_workspace(kernel)}, q.options());
    kernels::softmax_attention_grad(kernel, workspace.data_ptr<float>());
  }
  return gradients;
}

// --- Meta: shapes and types only

Outputs forward_meta(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& key_mask, const Tensor& offsets,
                     const Tensor& slopes, double scale, bool) {
  check_inputs(q, k, v, key_mask, offsets, slopes, scale);
  return allocate(q, v);
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor& q, const Tensor& k,
                    const Tensor& v, const Tensor&, const Tensor&, const Tensor&, double, bool) {
  return like_inputs(q, k, v);
}

// --- Autograd

struct SoftmaxAttentionFunction : torch::autograd::Function<SoftmaxAttentionFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& q, const Tensor& k,
                                                const Tensor& v, const Tensor& key_mask, const Tensor& offsets,
                                                const Tensor& slopes, double scale, bool causal) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, lse] = call_forward(q, k, v, key_mask, offsets, slopes, scale, causal);
    ctx->save_for_backward({y, lse, q, k, v, key_mask, offsets, slopes});
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["causal"] = causal;
    ctx->set_materialize_grads(false);
    return {y, lse};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "softmax_attention: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto dy = grads[0].defined() ? grads[0] : at::zeros_like(s[0]);
    const auto dlse = grads[1].defined() ? grads[1] : at::empty({0}, s[0].options());
    const auto [dq, dk, dv] = call_grad(dy, dlse, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7],
                                        ctx->saved_data["scale"].toDouble(), ctx->saved_data["causal"].toBool());
    return {dq, dk, dv, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

Outputs forward_autograd(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& key_mask,
                         const Tensor& offsets, const Tensor& slopes, double scale, bool causal) {
  check(!slopes.requires_grad(), "softmax_attention: slopes ask for a gradient; expected constants");
  const auto out = SoftmaxAttentionFunction::apply(q, k, v, key_mask, offsets, slopes, scale, causal);
  return {out[0], out[1]};
}

}  // namespace

std::tuple<Tensor, Tensor> softmax_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const SoftmaxAttentionOptions& options) {
  const auto or_empty = [&](const Tensor& x, at::ScalarType type) {
    return x.defined() ? x : at::empty({0}, q.options().dtype(type).requires_grad(false));
  };
  return call_forward(q, k, v, or_empty(options.key_mask, at::kBool), or_empty(options.offsets, at::kLong),
                      or_empty(options.slopes, q.scalar_type()), options.scale, options.causal);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "softmax_attention(Tensor q, Tensor k, Tensor v, Tensor key_mask, Tensor offsets, Tensor slopes, float scale, "
      "bool causal) -> (Tensor, Tensor)");
  library.def(
      "softmax_attention_grad(Tensor dy, Tensor dlse, Tensor y, Tensor lse, Tensor q, Tensor k, Tensor v, Tensor "
      "key_mask, Tensor offsets, Tensor slopes, float scale, bool causal) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("softmax_attention", &forward_cpu);
  library.impl("softmax_attention_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("softmax_attention", &forward_meta);
  library.impl("softmax_attention_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("softmax_attention", &forward_autograd); }

}  // namespace longwave::ops
