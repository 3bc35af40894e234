#include "longwave/ops/var_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/var_attention.h"
#include "longwave/ops/causal_linear_attention.h"
#include "longwave/ops/dropout.h"
#include "longwave/ops/rms_norm.h"
#include "longwave/ops/scalars.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Keys = at::IntArrayRef;
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;  // in the order of the inputs

// The inputs of the operator's schema, and the one place that maps them.
#define LONGWAVE_VAR_INPUTS                                                                                    \
  const Tensor &y, const Tensor &input_norm, const Tensor &weight, const Tensor &bias, const Tensor &map_norm, \
      const Tensor &structural, const Tensor &output_norm
#define LONGWAVE_VAR_INPUT_NAMES y, input_norm, weight, bias, map_norm, structural, output_norm
#define LONGWAVE_VAR_OPTIONS double eps, double map_eps, double p, Keys keys
#define LONGWAVE_VAR_OPTION_NAMES eps, map_eps, p, keys

Tensor call_attention(LONGWAVE_VAR_INPUTS, LONGWAVE_VAR_OPTIONS) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::var_attention", "")
                             .typed<Tensor(LONGWAVE_VAR_INPUTS, LONGWAVE_VAR_OPTIONS)>();
  return op.call(LONGWAVE_VAR_INPUT_NAMES, LONGWAVE_VAR_OPTION_NAMES);
}

Gradients call_grad(const Tensor& d, LONGWAVE_VAR_INPUTS, LONGWAVE_VAR_OPTIONS) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::var_attention_grad", "")
                             .typed<Gradients(const Tensor& d, LONGWAVE_VAR_INPUTS, LONGWAVE_VAR_OPTIONS)>();
  return op.call(d, LONGWAVE_VAR_INPUT_NAMES, LONGWAVE_VAR_OPTION_NAMES);
}

void check_inputs(LONGWAVE_VAR_INPUTS, LONGWAVE_VAR_OPTIONS) {
  check_not_negative("var_attention", "eps", eps);
  check_not_negative("var_attention", "map_eps", map_eps);
  const auto layers = static_cast<std::int64_t>(keys.size());
  check(layers > 0, "var_attention: no dropout key; expected one a layer");
  check(p >= 0 && p < 1, "var_attention: p is ", p, "; expected in [0, 1)");
  check(y.dim() == 3 && y.size(1) % 2 == 0, "var_attention: y is ", y.sizes(), "; expected [b, t, d] with even t");
  check(structural.dim() == 3 && structural.size(1) == structural.size(2) &&
            structural.size(0) * structural.size(1) == y.size(2),
        "var_attention: structural is ", structural.sizes(), "; expected [h, e, e] with h e = ", y.size(2));
  const auto d = y.size(2), h = structural.size(0), e = structural.size(1), maps = 2 * layers * d;
  const auto shape = [](const char* name, const Tensor& x, std::vector<std::int64_t> expected) {
    check(x.sizes() == at::IntArrayRef(expected), "var_attention: ", name, " is ", x.sizes(), "; expected ",
          at::IntArrayRef(expected));
  };
  shape("input_norm", input_norm, {d});
  shape("weight", weight, {maps, d});
  shape("bias", bias, {maps});
  shape("map_norm", map_norm, {2 * layers * h, e});
  shape("output_norm", output_norm, {d});
  const auto type = y.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "var_attention: y is ", type, "; expected float or double");
  for (const auto& x : {input_norm, weight, bias, map_norm, structural, output_norm})
    check(x.scalar_type() == type, "var_attention: a weight is ", x.scalar_type(), "; expected ", type, " like y");
}

std::vector<std::int64_t> output_shape(const Tensor& y) { return {y.size(0), y.size(1) / 2, y.size(2)}; }

/// The definition, in the operators named in the header; what double runs.
Tensor composed(LONGWAVE_VAR_INPUTS, LONGWAVE_VAR_OPTIONS) {
  check_inputs(LONGWAVE_VAR_INPUT_NAMES, LONGWAVE_VAR_OPTION_NAMES);
  const auto b = y.size(0), t = y.size(1), d = y.size(2), h = structural.size(0), e = structural.size(1);
  const auto x = rms_norm(y, input_norm, eps);
  const auto parts = rms_norm(at::linear(x, weight, bias), map_norm, map_eps).view({b, t, -1, h, e}).unbind(2);
  const auto odd = [&](const Tensor& all) { return all.view({b, t / 2, 2, -1}).select(2, 1); };
  auto k = x.view({b, t, h, e});
  Tensor total;
  for (std::size_t layer = 0; layer < keys.size(); ++layer) {
    k = causal_linear_attention(parts[2 * layer], k, parts[2 * layer + 1]);
    if (p > 0) k = dropout(k, p, keys[layer]);
    total = total.defined() ? total + odd(k) : odd(k);
  }
  const auto mixed = at::bmm(total.reshape({-1, h, e}).transpose(0, 1), structural).transpose(0, 1);
  return rms_norm(odd(x) + mixed.reshape({b, t / 2, d}), output_norm, eps);
}

// --- CPU

std::vector<kernels::DropoutMask> masks_of(double p, Keys keys) {
  std::vector<kernels::DropoutMask> masks;
  for (const auto key : keys) masks.emplace_back(p, key);
  return masks;
}

/// All tensors contiguous.
kernels::VarAttention make_kernel(LONGWAVE_VAR_INPUTS, double eps, double map_eps,
                                  const std::vector<kernels::DropoutMask>& masks) {
  return {.y = y.data_ptr<float>(),
          .input_norm = input_norm.data_ptr<float>(),
          .weight = weight.data_ptr<float>(),
          .bias = bias.data_ptr<float>(),
          .map_norm = map_norm.data_ptr<float>(),
          .structural = structural.data_ptr<float>(),
          .output_norm = output_norm.data_ptr<float>(),
          .dropout = masks.data(),
          .n = y.size(0),
          .t = y.size(1),
          .layers = static_cast<std::int64_t>(masks.size()),
          .h = structural.size(0),
          .e = structural.size(1),
          .eps = static_cast<float>(eps),
          .map_eps = static_cast<float>(map_eps)};
}

Tensor attention_cpu(const Tensor& y_, const Tensor& input_norm_, const Tensor& weight_, const Tensor& bias_,
                     const Tensor& map_norm_, const Tensor& structural_, const Tensor& output_norm_,
                     LONGWAVE_VAR_OPTIONS) {
  if (y_.scalar_type() == at::kDouble)
    return composed(y_, input_norm_, weight_, bias_, map_norm_, structural_, output_norm_, LONGWAVE_VAR_OPTION_NAMES);
  check_inputs(y_, input_norm_, weight_, bias_, map_norm_, structural_, output_norm_, LONGWAVE_VAR_OPTION_NAMES);
  const auto y = y_.contiguous(), input_norm = input_norm_.contiguous(), weight = weight_.contiguous(),
             bias = bias_.contiguous(), map_norm = map_norm_.contiguous(), structural = structural_.contiguous(),
             output_norm = output_norm_.contiguous();
  const auto out = at::empty(output_shape(y), y.options());
  if (y.numel() == 0) return out;
  const auto masks = masks_of(p, keys);
  const auto kernel = make_kernel(LONGWAVE_VAR_INPUT_NAMES, eps, map_eps, masks);
  const auto workspace = at::empty({kernels::var_attention_workspace(kernel)}, y.options());
  kernels::var_attention(kernel, out.data_ptr<float>(), workspace.data_ptr<float>());
  return out;
}

Gradients grad_cpu(const Tensor& d_, const Tensor& y_, const Tensor& input_norm_, const Tensor& weight_,
                   const Tensor& bias_, const Tensor& map_norm_, const Tensor& structural_, const Tensor& output_norm_,
                   LONGWAVE_VAR_OPTIONS) {
  check_inputs(y_, input_norm_, weight_, bias_, map_norm_, structural_, output_norm_, LONGWAVE_VAR_OPTION_NAMES);
  check(y_.scalar_type() == at::kFloat, "var_attention_grad: y is ", y_.scalar_type(), "; expected float");
  check(d_.sizes() == at::IntArrayRef(output_shape(y_)) && d_.scalar_type() == at::kFloat, "var_attention_grad: d is ",
        d_.sizes(), "; expected ", at::IntArrayRef(output_shape(y_)), " float");
  const auto d = d_.contiguous(), y = y_.contiguous(), input_norm = input_norm_.contiguous(),
             weight = weight_.contiguous(), bias = bias_.contiguous(), map_norm = map_norm_.contiguous(),
             structural = structural_.contiguous(), output_norm = output_norm_.contiguous();
  const auto like = [&](const Tensor& x) {
    return y.numel() == 0 ? at::zeros(x.sizes(), x.options()) : at::empty(x.sizes(), x.options());
  };
  const Gradients out{like(y),        like(input_norm), like(weight),     like(bias),
                      like(map_norm), like(structural), like(output_norm)};
  if (y.numel() == 0) return out;
  const auto masks = masks_of(p, keys);
  const auto kernel = make_kernel(LONGWAVE_VAR_INPUT_NAMES, eps, map_eps, masks);
  const auto workspace = at::empty({kernels::var_attention_grad_workspace(kernel)}, y.options());
  const auto& [dy, dinput_norm, dweight, dbias, dmap_norm, dstructural, doutput_norm] = out;
  kernels::var_attention_grad(kernel,
                              {.dout = d.data_ptr<float>(),
                               .dy = dy.data_ptr<float>(),
                               .dinput_norm = dinput_norm.data_ptr<float>(),
                               .dweight = dweight.data_ptr<float>(),
                               .dbias = dbias.data_ptr<float>(),
                               .dmap_norm = dmap_norm.data_ptr<float>(),
                               .dstructural = dstructural.data_ptr<float>(),
                               .doutput_norm = doutput_norm.data_ptr<float>()},
                              workspace.data_ptr<float>());
  return out;
}

// --- Meta: shapes and types only

Tensor attention_meta(LONGWAVE_VAR_INPUTS, LONGWAVE_VAR_OPTIONS) {
  check_inputs(LONGWAVE_VAR_INPUT_NAMES, LONGWAVE_VAR_OPTION_NAMES);
  return at::empty(output_shape(y), y.options());
}

Gradients grad_meta(const Tensor&, LONGWAVE_VAR_INPUTS, double, double, double, Keys) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(y), like(input_norm), like(weight), like(bias), like(map_norm), like(structural), like(output_norm)};
}

// --- Autograd

struct Attention : torch::autograd::Function<Attention> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, LONGWAVE_VAR_INPUTS, LONGWAVE_VAR_OPTIONS) {
    ctx->save_for_backward({LONGWAVE_VAR_INPUT_NAMES});
    ctx->saved_data["options"] = c10::ivalue::Tuple::create({eps, map_eps, p});
    ctx->saved_data["keys"] = keys.vec();
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_attention(LONGWAVE_VAR_INPUT_NAMES, LONGWAVE_VAR_OPTION_NAMES);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "var_attention: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto o = ctx->saved_data["options"].toTuple()->elements().vec();
    const auto [dy, dinput_norm, dweight, dbias, dmap_norm, dstructural, doutput_norm] =
        call_grad(grads[0], s[0], s[1], s[2], s[3], s[4], s[5], s[6], o[0].toDouble(), o[1].toDouble(), o[2].toDouble(),
                  ctx->saved_data["keys"].toIntVector());
    const Tensor none;
    return {dy, dinput_norm, dweight, dbias, dmap_norm, dstructural, doutput_norm, none, none, none, none};
  }
};

Tensor attention_autograd(LONGWAVE_VAR_INPUTS, LONGWAVE_VAR_OPTIONS) {
  if (y.scalar_type() == at::kDouble) return composed(LONGWAVE_VAR_INPUT_NAMES, LONGWAVE_VAR_OPTION_NAMES);
  return Attention::apply(LONGWAVE_VAR_INPUT_NAMES, LONGWAVE_VAR_OPTION_NAMES);
}

}  // namespace

Tensor var_attention(const Tensor& y, const VarAttentionWeights& w, const VarAttentionOptions& o) {
  return call_attention(y, w.input_norm, w.weight, w.bias, w.map_norm, w.structural, w.output_norm, o.eps, o.map_eps,
                        o.p, o.keys);
}

#define LONGWAVE_VAR_SCHEMA                                                                                           \
  "Tensor y, Tensor input_norm, Tensor weight, Tensor bias, Tensor map_norm, Tensor structural, Tensor output_norm, " \
  "float eps, float map_eps, float p, int[] keys"

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("var_attention(" LONGWAVE_VAR_SCHEMA ") -> Tensor");
  library.def("var_attention_grad(Tensor d, " LONGWAVE_VAR_SCHEMA
              ") -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("var_attention", &attention_cpu);
  library.impl("var_attention_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("var_attention", &attention_meta);
  library.impl("var_attention_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("var_attention", &attention_autograd); }

}  // namespace longwave::ops
