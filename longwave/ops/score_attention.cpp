#include "longwave/ops/score_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/score_attention.h"
#include "longwave/ops/dropout.h"
#include "longwave/ops/given.h"
#include "longwave/ops/scalars.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Pair = std::tuple<Tensor, Tensor>;                       // y, scores (empty unless kept)
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;  // dq, dk, dv, dbefore

// The inputs of the operator's schema, and the one place that maps them. `before`, and below the scores and their
// gradient, are empty when there are none.
#define LONGWAVE_SCORE_INPUTS const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &before
#define LONGWAVE_SCORE_OPTIONS double scale, double p, std::int64_t key

Pair call_attention(LONGWAVE_SCORE_INPUTS, LONGWAVE_SCORE_OPTIONS, bool keep) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::score_attention", "")
                             .typed<Pair(LONGWAVE_SCORE_INPUTS, LONGWAVE_SCORE_OPTIONS, bool)>();
  return op.call(q, k, v, before, scale, p, key, keep);
}

Gradients call_grad(const Tensor& dy, const Tensor& dscores, const Tensor& scores, LONGWAVE_SCORE_INPUTS,
                    LONGWAVE_SCORE_OPTIONS) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::score_attention_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, LONGWAVE_SCORE_INPUTS,
                                              LONGWAVE_SCORE_OPTIONS)>();
  return op.call(dy, dscores, scores, q, k, v, before, scale, p, key);
}

std::vector<std::int64_t> scores_shape(const Tensor& q, const Tensor& k) {
  return {q.size(0), q.size(2), q.size(1), k.size(1)};
}

void check_inputs(LONGWAVE_SCORE_INPUTS, double scale, double p) {
  check_finite("score_attention", "scale", scale);
  check(p >= 0 && p < 1, "score_attention: p is ", p, "; expected in [0, 1)");
  check(q.dim() == 4, "score_attention: q is ", q.sizes(), "; expected [b, t, h, e]");
  check(k.dim() == 4 && k.size(0) == q.size(0) && k.size(1) > 0 && k.size(2) == q.size(2) && k.size(3) == q.size(3),
        "score_attention: k is ", k.sizes(), "; expected [b, s, h, e] for q ", q.sizes());
  check(v.sizes() == k.sizes(), "score_attention: v is ", v.sizes(), "; expected ", k.sizes(), " like k");
  check(before.numel() == 0 || before.sizes() == at::IntArrayRef(scores_shape(q, k)), "score_attention: before is ",
        before.sizes(), "; expected ", at::IntArrayRef(scores_shape(q, k)));
  const auto type = q.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "score_attention: q is ", type, "; expected float or double");
  for (const auto& other : {k, v, before})
    check(other.scalar_type() == type, "score_attention: an input is ", other.scalar_type(), "; expected ", type,
          " like q");
}

Tensor nothing_like(const Tensor& x) { return at::empty({0}, x.options()); }

/// The definition, in differentiable ATen operators; what double runs.
Pair composed(LONGWAVE_SCORE_INPUTS, LONGWAVE_SCORE_OPTIONS, bool keep) {
  check_inputs(q, k, v, before, scale, p);
  auto scores = at::matmul(q.transpose(1, 2), k.permute({0, 2, 3, 1})) * scale;
  if (before.numel() > 0) scores = scores + before;
  auto weights = scores.softmax(-1);
  if (p > 0) weights = dropout(weights, p, key);
  const auto y = at::matmul(weights, v.transpose(1, 2)).transpose(1, 2).contiguous();
  return {y, keep ? scores : nothing_like(q)};
}

// --- CPU

/// All tensors contiguous.
kernels::ScoreAttention make_kernel(LONGWAVE_SCORE_INPUTS, LONGWAVE_SCORE_OPTIONS) {
  return {.q = q.data_ptr<float>(),
          .k = k.data_ptr<float>(),
          .v = v.data_ptr<float>(),
          .before = before.numel() == 0 ? nullptr : before.data_ptr<float>(),
          .dropout = kernels::DropoutMask(p, key),
          .b = q.size(0),
          .t = q.size(1),
          .s = k.size(1),
          .h = q.size(2),
          .e = q.size(3),
          .scale = static_cast<float>(scale)};
}

Pair attention_cpu(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& before_, LONGWAVE_SCORE_OPTIONS,
                   bool keep) {
  if (q_.scalar_type() == at::kDouble) return composed(q_, k_, v_, before_, scale, p, key, keep);
  check_inputs(q_, k_, v_, before_, scale, p);
  const auto q = q_.contiguous(), k = k_.contiguous(), v = v_.contiguous(), before = before_.contiguous();
  const auto kernel = make_kernel(q, k, v, before, scale, p, key);
  const auto y = at::empty(q.sizes(), q.options());
  const auto scores = keep ? at::empty(scores_shape(q, k), q.options()) : nothing_like(q);
  const auto workspace = at::empty({kernels::score_attention_workspace(kernel)}, q.options());
  kernels::score_attention(kernel, y.data_ptr<float>(), keep ? scores.data_ptr<float>() : nullptr,
                           workspace.data_ptr<float>());
  return {y, scores};
}

Gradients grad_cpu(const Tensor& dy_, const Tensor& dscores_, const Tensor& scores_, const Tensor& q_, const Tensor& k_,
                   const Tensor& v_, const Tensor& before_, LONGWAVE_SCORE_OPTIONS) {
  check_inputs(q_, k_, v_, before_, scale, p);
  check(q_.scalar_type() == at::kFloat, "score_attention_grad: q is ", q_.scalar_type(), "; expected float");
  const auto sizes = scores_shape(q_, k_);
  check_given("score_attention_grad", "dy", dy_, q_.sizes(), q_);
  check_if_given("score_attention_grad", "scores", scores_, sizes, q_);
  check_if_given("score_attention_grad", "dscores", dscores_, sizes, q_);
  const auto dy = dy_.contiguous(), dscores = dscores_.contiguous(), scores = scores_.contiguous(), q = q_.contiguous(),
             k = k_.contiguous(), v = v_.contiguous(), before = before_.contiguous();
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  const Gradients out{like(q), like(k), like(v), like(before)};
  const auto& [dq, dk, dv, dbefore] = out;
  const auto kernel = make_kernel(q, k, v, before, scale, p, key);
  const auto workspace = at::empty({kernels::score_attention_workspace(kernel)}, q.options());
  const auto data = [](const Tensor& x) { return x.numel() == 0 ? nullptr : x.data_ptr<float>(); };
  kernels::score_attention_grad(kernel,
                                {.scores = data(scores),
                                 .dy = dy.data_ptr<float>(),
                                 .dscores = data(dscores),
                                 .dq = dq.data_ptr<float>(),
                                 .dk = dk.data_ptr<float>(),
                                 .dv = dv.data_ptr<float>(),
                                 .dbefore = data(dbefore)},
                                workspace.data_ptr<float>());
  return out;
}

// --- Meta: shapes and types only

Pair attention_meta(LONGWAVE_SCORE_INPUTS, double scale, double p, std::int64_t, bool keep) {
  check_inputs(q, k, v, before, scale, p);
  return {at::empty(q.sizes(), q.options()), keep ? at::empty(scores_shape(q, k), q.options()) : nothing_like(q)};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor&, LONGWAVE_SCORE_INPUTS, double, double, std::int64_t) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(q), like(k), like(v), like(before)};
}

// --- Autograd

struct Attention : torch::autograd::Function<Attention> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, LONGWAVE_SCORE_INPUTS,
                                                LONGWAVE_SCORE_OPTIONS, bool keep) {
    ctx->set_materialize_grads(false);
    ctx->saved_data["options"] = c10::ivalue::Tuple::create({scale, p, key});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, scores] = call_attention(q, k, v, before, scale, p, key, keep);
    ctx->save_for_backward({q, k, v, before, scores});
    if (!keep) ctx->mark_non_differentiable({scores});
    return {y, scores};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "score_attention: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto o = ctx->saved_data["options"].toTuple()->elements().vec();
    const auto dy = grads[0].defined() ? grads[0] : at::zeros(s[0].sizes(), s[0].options());
    const auto dscores = grads[1].defined() && s[4].numel() > 0 ? grads[1] : nothing_like(dy);
    const auto [dq, dk, dv, dbefore] =
        call_grad(dy, dscores, s[4], s[0], s[1], s[2], s[3], o[0].toDouble(), o[1].toDouble(), o[2].toInt());
    const Tensor none;
    return {dq, dk, dv, dbefore, none, none, none, none};
  }
};

Pair attention_autograd(LONGWAVE_SCORE_INPUTS, LONGWAVE_SCORE_OPTIONS, bool keep) {
  if (q.scalar_type() == at::kDouble) return composed(q, k, v, before, scale, p, key, keep);
  const auto out = Attention::apply(q, k, v, before, scale, p, key, keep);
  return {out[0], out[1]};
}

}  // namespace

std::pair<Tensor, Tensor> score_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& before,
                                          const ScoreAttentionOptions& o) {
  const auto [y, scores] =
      call_attention(q, k, v, before.defined() ? before : nothing_like(q), o.scale, o.p, o.key, o.keep_scores);
  return {y, o.keep_scores ? scores : Tensor()};
}

#define LONGWAVE_SCORE_SCHEMA "Tensor q, Tensor k, Tensor v, Tensor before, float scale, float p, int key"

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("score_attention(" LONGWAVE_SCORE_SCHEMA ", bool keep) -> (Tensor, Tensor)");
  library.def("score_attention_grad(Tensor dy, Tensor dscores, Tensor scores, " LONGWAVE_SCORE_SCHEMA
              ") -> (Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("score_attention", &attention_cpu);
  library.impl("score_attention_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("score_attention", &attention_meta);
  library.impl("score_attention_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("score_attention", &attention_autograd); }

}  // namespace longwave::ops
