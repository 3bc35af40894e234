#include "longwave/models/flops.h"

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace longwave {
namespace {

using Inputs = c10::ArrayRef<const c10::IValue>;

double size(const c10::IValue& value, std::int64_t axis) { return static_cast<double>(value.toTensor().size(axis)); }
double numel(const c10::IValue& value) { return static_cast<double>(value.toTensor().numel()); }

/// a [.., m, k] times b [.., k, n]: every number of a meets n columns.
double product(const c10::IValue& a, const c10::IValue& b) { return 2 * numel(a) * size(b, -1); }
double matrix_vector(const c10::IValue& a) { return 2 * numel(a); }

/// aten::convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
/// input [b, c_in, ...], weight [c_out, c_in / groups, kernel...].
double convolution(Inputs in) {
  const auto& x = in[0].toTensor();
  const auto& w = in[1].toTensor();
  const auto stride = in[3].toIntVector(), padding = in[4].toIntVector(), dilation = in[5].toIntVector();
  if (in[6].toBool()) return 2 * static_cast<double>(x.numel()) * static_cast<double>(w.numel()) / size(in[1], 0);
  double places = size(in[0], 0);
  for (std::int64_t axis = 2; axis < x.dim(); ++axis) {
    const auto i = static_cast<std::size_t>(axis - 2);  // a single number stands for all axes
    const auto pick = [&](const std::vector<std::int64_t>& v) { return v[std::min(i, v.size() - 1)]; };
    places *= static_cast<double>(
        (x.size(axis) + 2 * pick(padding) - pick(dilation) * (w.size(axis) - 1) - 1) / pick(stride) + 1);
  }
  return 2 * places * static_cast<double>(w.numel());
}

/// 5 n log2 n a complex transform of n points; half of it where one side is real. fft(x, axes, ...).
double transform(Inputs in, bool real, double points) {
  return (real ? 2.5 : 5.0) * points * std::log2(std::max(points, 2.0)) * numel(in[0]) /
         size(in[0], in[1].toIntVector().back());
}

/// longwave::mlp(x [.., d_in], norm_weight, w1 [d_hidden, d_in], b1, w2 [d_out, d_hidden], ...)
double mlp(Inputs in) { return 2 * numel(in[0]) / size(in[0], -1) * (numel(in[2]) + numel(in[4])); }

/// longwave::causal_linear_attention(q [b, t, h, e], ...): two products with each earlier step, or an update of the e x
/// e state and one product with it, whichever is cheaper.
double causal_linear_attention(Inputs in) {
  return numel(in[0]) * std::min(2 * (size(in[0], 1) + 1), 4 * size(in[0], 3));
}

/// longwave::var_attention(y [b, t, d], norm, weight [2 m d, d], bias, norm, structural [h, e, e], ...): 2 m maps, m
/// such attention layers, and a product with e x e numbers a head for half of the steps.
double var_attention(Inputs in) {
  const auto steps = numel(in[0]), e = size(in[5], 2), layers = size(in[2], 0) / size(in[2], 1) / 2;
  return steps * (2 * size(in[2], 0) + layers * std::min(2 * (size(in[0], 1) + 1), 4 * e) + e);
}

/// longwave::arx_tokens(z [b, c, n, s], weights): main_weight [d, s], ..., mix_weight [j, c] the seventh.
double arx_tokens(Inputs in) {
  const auto weights = in[1].toTensorVector();
  const auto &main = weights[0], &mix = weights[6];
  const double targets = numel(in[0]) / size(in[0], 1) * static_cast<double>(mix.size(0));  // numbers of them
  return targets * (4 * static_cast<double>(main.size(0)) + 2 * static_cast<double>(mix.size(1)));
}

/// longwave::score_attention(q [b, t, h, e], k [b, s, h, e], ...): two products with every key.
double score_attention(Inputs in) { return 4 * numel(in[0]) * size(in[1], 1); }

/// longwave::softmax_attention(q [b, t, h, e], k [b, s, ...], v, key_mask, offsets, scale, causal): two products with
/// every key, or with half of them.
double softmax_attention(Inputs in) { return (in[6].toBool() ? 2 : 4) * numel(in[0]) * size(in[1], 1); }

/// longwave::fft_convolution(u [b, t, h], k [c, h, l], ...): transforms of 2 t points of every input, kernel and
/// output.
double fft_convolution(Inputs in) {
  const double t = size(in[0], 1), inputs = numel(in[0]) / t, kernels = size(in[1], 0) * size(in[1], 1);
  return 2.5 * 2 * t * std::log2(2 * t) * (inputs + kernels + inputs * size(in[1], 0));
}

/// longwave::selective_scan(u [b, t, d], delta, A [d, n], ...): of each state and step the decay's product, s B u and
/// its sum, and the product with C: 6.
double selective_scan(Inputs in) { return 6 * numel(in[0]) * size(in[2], 1); }

/// longwave::gated_linear_attention(q [b, t, h, e], k, v [b, t, h, f], ...): decay and update of the e x f state, and
/// one product with it.
double gated_linear_attention(Inputs in) { return 5 * numel(in[0]) * size(in[2], -1); }

/// longwave::delta_rule(q [b, t, h, e], k, v [b, t, h, f], ...): what the state holds, its update, what is read.
double delta_rule(Inputs in) { return 6 * numel(in[0]) * size(in[2], -1); }

/// longwave::diagonal_ssm(x [b, t, d], a [1 or 2, d, n], ...): update and output of n real or complex states.
double diagonal_ssm(Inputs in) { return numel(in[0]) * size(in[1], 2) * (size(in[1], 0) > 1 ? 14 : 5); }

/// longwave::vandermonde_kernel(v [r, h, n] complex, x, t): real part of a complex product for each entry and step.
double vandermonde_kernel(Inputs in) { return 4 * numel(in[0]) * static_cast<double>(in[2].toInt()); }

/// longwave::recurrent(wx [b, t, gates, heads, p], r, ...): the recurrent matrices at every step.
double recurrent(Inputs in) { return 2 * size(in[0], 0) * size(in[0], 1) * numel(in[1]); }

/// longwave::linear_cross_entropy(x [n, d], weight [classes, d], ...)
double linear_cross_entropy(Inputs in) { return 2 * numel(in[0]) * size(in[1], 0); }

double nothing(Inputs) { return 0; }

const std::map<std::string, double (*)(Inputs)>& formulas() {
  static const std::map<std::string, double (*)(Inputs)> table = {
      {"aten::mm", [](Inputs in) { return product(in[0], in[1]); }},
      {"aten::bmm", [](Inputs in) { return product(in[0], in[1]); }},
      {"aten::addmm", [](Inputs in) { return product(in[1], in[2]); }},
      {"aten::baddbmm", [](Inputs in) { return product(in[1], in[2]); }},
      {"aten::mv", [](Inputs in) { return matrix_vector(in[0]); }},
      {"aten::addmv", [](Inputs in) { return matrix_vector(in[1]); }},
      {"aten::dot", [](Inputs in) { return matrix_vector(in[0]); }},
      {"aten::convolution", convolution},
      {"aten::_fft_r2c", [](Inputs in) { return transform(in, true, size(in[0], in[1].toIntVector().back())); }},
      {"aten::_fft_c2c", [](Inputs in) { return transform(in, false, size(in[0], in[1].toIntVector().back())); }},
      {"aten::_fft_c2r", [](Inputs in) { return transform(in, true, static_cast<double>(in[3].toInt())); }},
      {"longwave::mlp", mlp},
      {"longwave::causal_linear_attention", causal_linear_attention},
      {"longwave::rms_norm", nothing},
      {"longwave::var_attention", var_attention},
      {"longwave::dropout", nothing},
      {"longwave::arx_tokens", arx_tokens},
      {"longwave::scaled_segments", nothing},
      {"longwave::next_segments", nothing},
      {"longwave::masked_series", nothing},
      {"longwave::score_attention", score_attention},
      {"longwave::softmax_attention", softmax_attention},
      {"longwave::fft_convolution", fft_convolution},
      {"longwave::selective_scan", selective_scan},
      {"longwave::gated_linear_attention", gated_linear_attention},
      {"longwave::delta_rule", delta_rule},
      {"longwave::diagonal_ssm", diagonal_ssm},
      {"longwave::diagonal_scan", [](Inputs in) { return 4 * numel(in[1]); }},  // complex: 8 for two numbers
      {"longwave::linear_scan", [](Inputs in) { return 2 * numel(in[1]); }},
      {"longwave::vandermonde_kernel", vandermonde_kernel},
      {"longwave::recurrent", recurrent},
      {"longwave::short_convolution", [](Inputs in) { return 2 * numel(in[0]) * size(in[1], -1); }},
      {"longwave::linear_cross_entropy", linear_cross_entropy},
      {"longwave::residual_norm", nothing},
      {"longwave::gated_activation", nothing},
      {"longwave::wkv4", nothing},
  };
  return table;
}

/// What the callbacks add to. They run on the thread that called count_flops.
struct Counter {
  FlopCount count;
  int inside = 0;  // depth of operators that have a formula: what they call is already counted
};
thread_local Counter* counter = nullptr;

struct Entered final : at::ObserverContext {};

std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& function) {
  const auto found = formulas().find(function.name());
  if (!counter || found == formulas().end()) {
    if (counter && counter->inside == 0 && std::string(function.name()).rfind("longwave::", 0) == 0)
      counter->count.unknown.insert(function.name());
    return nullptr;
  }
  if (counter->inside++ == 0) counter->count.flops += found->second(function.inputs());
  return std::make_unique<Entered>();
}

void leave(const at::RecordFunction&, at::ObserverContext* entered) {
  if (counter && entered) --counter->inside;
}

/// The callback for as long as it lives, also if the work throws.
class Observer {
 public:
  explicit Observer(Counter& own) : before_(counter) {
    counter = &own;
    handle_ = at::addThreadLocalCallback(
        at::RecordFunctionCallback(enter, leave).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  }
  ~Observer() {
    at::removeCallback(handle_);
    counter = before_;
  }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

 private:
  Counter* before_;
  at::CallbackHandle handle_;
};

}  // namespace

FlopCount count_flops(const std::function<void()>& work) {
  Counter own;
  const Observer observer(own);
  work();
  return own.count;
}

}  // namespace longwave
