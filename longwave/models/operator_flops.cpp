#include "longwave/models/operator_flops.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>

namespace longwave {
namespace {

using Inputs = c10::ArrayRef<const c10::IValue>;

double size(const c10::IValue& value, std::int64_t axis) { return static_cast<double>(value.toTensor().size(axis)); }
double numel(const c10::IValue& value) { return static_cast<double>(value.toTensor().numel()); }

double nothing(Inputs) { return 0; }

// --- Products of matrices

/// mlp(x [.., d_in], norm_weight, w1 [d_hidden, d_in], b1, w2 [d_out, d_hidden], ...)
double mlp(Inputs in) { return 2 * numel(in[0]) / size(in[0], -1) * (numel(in[2]) + numel(in[4])); }

/// gated_map(x [.., d_in], weight [2 d_out, d_in], ...)
double gated_map(Inputs in) { return 2 * numel(in[0]) * size(in[1], 0); }

/// linear_cross_entropy(x [n, d], weight [v, d], ...)
double linear_cross_entropy(Inputs in) { return 2 * numel(in[0]) * size(in[1], 0); }
double linear_cross_entropy_both(Inputs in) { return 3 * linear_cross_entropy(in); }

/// var_attention(y [b, t, d], norm, weight [2 m d, d], bias, norm, structural [h, e, e], ...): 2 m maps, m causal
/// linear attentions, and a product with e x e numbers a head for half of the steps.
double var_attention(Inputs in) {
  const auto steps = numel(in[0]), e = size(in[5], 2), layers = size(in[2], 0) / size(in[2], 1) / 2;
  return steps * (2 * size(in[2], 0) + layers * std::min(2 * (size(in[0], 1) + 1), 4 * e) + e);
}

/// arx_tokens(z [b, c, n, s], weights): main_weight [d, s], ..., mix_weight [j, c] the seventh.
double arx_tokens(Inputs in) {
  const auto weights = in[1].toTensorVector();
  const auto &main = weights[0], &mix = weights[6];
  const double targets = numel(in[0]) / size(in[0], 1) * static_cast<double>(mix.size(0));  // numbers of them
  return targets * (4 * static_cast<double>(main.size(0)) + 2 * static_cast<double>(mix.size(1)));
}

/// recurrent(wx [b, t, gates, heads, p], r [heads, p, gates, p], ...): h meets every number of R at each step.
double recurrent(Inputs in) { return 2 * size(in[0], 0) * size(in[0], 1) * numel(in[1]); }

/// short_convolution(x [b, t, c], weight [c, n], ...)
double short_convolution(Inputs in) { return 2 * numel(in[0]) * size(in[1], 1); }

// --- Attention: products with each earlier step, or updates and products of a state, whichever is cheaper

/// score_attention(q [b, t, h, e], k [b, s, h, e], ...): two products with every key.
double score_attention(Inputs in) { return 4 * numel(in[0]) * size(in[1], 1); }

/// softmax_attention(q [b, t, h, e], k [b, s, g, e], v [b, s, g, f], key_mask, offsets, slopes, scale, causal): two
/// products with every key that a query sees; the last query sees them all.
double softmax_attention(Inputs in) {
  const auto t = size(in[0], 1), s = size(in[1], 1);
  const auto pairs = in[7].toBool() ? t * s - t * (t - 1) / 2 : t * s;
  return 2 * size(in[0], 0) * size(in[0], 2) * pairs * (size(in[0], 3) + size(in[2], 3));
}

/// For every row, step and head of q [b, t, h, e] and v [b, t, h, f].
double linear_attention(const c10::IValue& q, const c10::IValue& v, double products_of_pair, double of_state) {
  const auto e = size(q, 3), f = size(v, 3), earlier = (size(q, 1) + 1) / 2;
  return numel(q) / e * std::min(products_of_pair * earlier * (e + f), of_state * e * f);
}

/// causal_linear_attention(q [b, t, h, e], k, v)
double causal_linear_attention(Inputs in) { return linear_attention(in[0], in[2], 2, 4); }

/// gated_linear_attention(q [b, t, h, e], k, v [b, t, h, f], g, u, beta, ...): in the delta rule, which has beta, keys
/// meet keys or the state, too.
double gated_linear_attention(Inputs in) {
  return numel(in[5]) ? linear_attention(in[0], in[2], 4, 6) : linear_attention(in[0], in[2], 2, 4);
}

// --- Recurrences over numbers. A multiplication of complex numbers and an addition are 4 multiply-adds.

/// linear_scan(a, u [b, t, d], h_init)
double linear_scan(Inputs in) { return numel(in[1]) * (in[1].toTensor().is_complex() ? 8 : 2); }

/// diagonal_scan(pole, u [b, t, 2, n], ...): numel counts both parts of a complex number.
double diagonal_scan(Inputs in) { return 4 * numel(in[1]); }

/// diagonal_ssm(x [b, t, d], a [1 or 2, d, n], ..., liquid): a h + b x, and Re c h; liquid poles are a + b x.
double diagonal_ssm(Inputs in) {
  const auto states = numel(in[0]) * size(in[1], 2), planes = size(in[1], 0);
  const auto kept = planes == 1 ? 2.0 : 8.0, liquid = in[6].toBool() ? 2 * planes : 0;
  return states * (kept + 4 * planes + liquid);
}

/// pole_convolution(x [b, t, d], g [2, n, d], w [r, 2, n, d], skip): g h + x, and Re w h, in each direction.
double pole_convolution(Inputs in) { return numel(in[0]) * size(in[1], 1) * size(in[2], 0) * 12; }

/// selective_scan(u [b, t, d], delta, A [d, n], ...): decay h + (step u) B, and C h.
double selective_scan(Inputs in) { return numel(in[0]) * size(in[2], 1) * (in[2].toTensor().is_complex() ? 16 : 6); }

/// bilinear_step(a, b, half, x [b, h, n], u): a triangle of a, and the rest by number.
double bilinear_step(Inputs in) { return numel(in[3]) * size(in[3], 2); }

/// dplr_recurrence(x [b, t, d], g [2, n, d], b, p [r, 2, n, d], q, c [m, 2, n, d], ...): h + g h + b x, and for each
/// rank and output a sum over states, for ranks also a multiple of p.
double dplr_recurrence(Inputs in) {
  return numel(in[0]) * (6 * numel(in[1]) / size(in[1], 2) + (4 * numel(in[3]) + 2 * numel(in[5])) / size(in[1], 2));
}

/// shift_steps(x [b, t, d], b [d, n], ...): s + b x, and c s.
double shift_steps(Inputs in) { return 4 * numel(in[0]) * size(in[1], 1); }

/// wkv4(w, u, k [b, t, c], ...): numerator and denominator, each read and updated.
double wkv4(Inputs in) { return 8 * numel(in[2]); }

// --- Kernels of convolutions

/// vandermonde_kernel(v [r, h, n], x, t): the real part of a product for each number of the kernel.
double vandermonde_kernel(Inputs in) { return 4 * numel(in[0]) * static_cast<double>(in[2].toInt()); }

/// cauchy_kernel(v [m, h, n], z [l], w [h, n]): at every node and pole the distance, and for each v its quotient.
double cauchy_kernel(Inputs in) { return numel(in[2]) * numel(in[1]) * (6 + 6 * size(in[0], 0)); }

/// low_rank_response(s [i + r, c + r, h, l], tangent, r): r x r numbers are inverted and meet every column and row.
double low_rank_response(Inputs in) {
  const auto r = static_cast<double>(in[2].toInt()), rows = size(in[0], 0) - r, columns = size(in[0], 1) - r;
  return 8 * size(in[0], 2) * size(in[0], 3) * (r * r * r + columns * r * r + rows * columns * (r + 1));
}

/// fft_convolution(u [b, t, h], k [c, h, l], ...): transforms of u, k and back, real, as long as both together, at 2.5
/// n log2 n operations each, and products of their spectra.
double fft_convolution(Inputs in) {
  const auto b = size(in[0], 0), h = size(in[0], 2), c = size(in[1], 0), n = size(in[0], 1) + size(in[1], 2);
  return (b * h + c * h + b * c * h) * 2.5 * n * std::log2(n) + 3 * b * c * h * n;
}

// --- Gradients: for every product of the forward pass two, by either factor; what is computed anew does not count

/// operator_grad(gradients and results of the forward pass, its arguments...)
template <FlopFormula forward, int skipped>
double twice(Inputs in) {
  return 2 * forward(in.slice(skipped));
}

/// diagonal_scan_grad(dh, dlast, h, pole, ...): h is as large as u.
double diagonal_scan_grad(Inputs in) { return 8 * numel(in[2]); }

/// recurrent_grad(dy, dlast, y [b, t, ...], memory, kept, r, ...)
double recurrent_grad(Inputs in) { return 4 * size(in[2], 0) * size(in[2], 1) * numel(in[5]); }

/// vandermonde_kernel_grad(d [r, h, t], v, x)
double vandermonde_kernel_grad(Inputs in) { return 8 * numel(in[1]) * size(in[0], -1); }

}  // namespace

const std::map<std::string, FlopFormula>& operator_flops() {
  static const std::map<std::string, FlopFormula> table = {
      {"longwave::adamw_step", nothing},
      {"longwave::arx_tokens", arx_tokens},
      {"longwave::arx_tokens_grad", twice<arx_tokens, 1>},
      {"longwave::batch_norm", nothing},
      {"longwave::batch_norm_grad", nothing},
      {"longwave::bilinear_step", bilinear_step},
      {"longwave::cauchy_kernel", cauchy_kernel},
      {"longwave::cauchy_kernel_grad", twice<cauchy_kernel, 1>},
      {"longwave::causal_linear_attention", causal_linear_attention},
      {"longwave::causal_linear_attention_grad", twice<causal_linear_attention, 1>},
      {"longwave::diagonal_scan", diagonal_scan},
      {"longwave::diagonal_scan_grad", diagonal_scan_grad},
      {"longwave::pole_convolution", pole_convolution},
      {"longwave::pole_convolution_grad", twice<pole_convolution, 1>},
      {"longwave::diagonal_ssm", diagonal_ssm},
      {"longwave::diagonal_ssm_grad", twice<diagonal_ssm, 2>},
      {"longwave::dplr_recurrence", dplr_recurrence},
      {"longwave::dropout", nothing},
      {"longwave::fft_convolution", fft_convolution},
      {"longwave::fft_convolution_grad", twice<fft_convolution, 2>},
      {"longwave::fill_steps", nothing},
      {"longwave::gated_activation", nothing},
      {"longwave::gated_activation_grad", nothing},
      {"longwave::gated_linear_unit", nothing},
      {"longwave::gated_linear_unit_grad", nothing},
      {"longwave::gated_map", gated_map},
      {"longwave::gated_map_grad", twice<gated_map, 2>},
      {"longwave::gated_linear_attention", gated_linear_attention},
      {"longwave::gated_linear_attention_grad", twice<gated_linear_attention, 3>},
      {"longwave::grad_norm", nothing},
      {"longwave::linear_cross_entropy", linear_cross_entropy},
      {"longwave::linear_cross_entropy_both", linear_cross_entropy_both},
      {"longwave::linear_cross_entropy_grad", twice<linear_cross_entropy, 2>},
      {"longwave::linear_scan", linear_scan},
      {"longwave::linear_scan_grad", twice<linear_scan, 1>},
      {"longwave::low_rank_response", low_rank_response},
      {"longwave::low_rank_response_grad", twice<low_rank_response, 1>},
      {"longwave::masked_series", nothing},
      {"longwave::masked_series_grad", nothing},
      {"longwave::mlp", mlp},
      {"longwave::mlp_grad", twice<mlp, 2>},
      {"longwave::minimal_gates", nothing},
      {"longwave::minimal_gates_grad", nothing},
      {"longwave::next_segments", nothing},
      {"longwave::next_segments_grad", nothing},
      {"longwave::recurrent", recurrent},
      {"longwave::recurrent_grad", recurrent_grad},
      {"longwave::residual_norm", nothing},
      {"longwave::residual_norm_grad", nothing},
      {"longwave::reverse_steps", nothing},
      {"longwave::rms_norm", nothing},
      {"longwave::rms_norm_grad", nothing},
      {"longwave::rotary", nothing},
      {"longwave::scaled_segments", nothing},
      {"longwave::score_attention", score_attention},
      {"longwave::score_attention_grad", twice<score_attention, 3>},
      {"longwave::selective_scan", selective_scan},
      {"longwave::selective_scan_grad", twice<selective_scan, 3>},
      {"longwave::shift_steps", shift_steps},
      {"longwave::short_convolution", short_convolution},
      {"longwave::short_convolution_grad", twice<short_convolution, 1>},
      {"longwave::softmax_attention", softmax_attention},
      {"longwave::softmax_attention_grad", twice<softmax_attention, 4>},
      {"longwave::vandermonde_kernel", vandermonde_kernel},
      {"longwave::vandermonde_kernel_grad", vandermonde_kernel_grad},
      {"longwave::var_attention", var_attention},
      {"longwave::var_attention_grad", twice<var_attention, 1>},
      {"longwave::wkv4", wkv4},
      {"longwave::wkv4_grad", twice<wkv4, 3>},
  };
  return table;
}

}  // namespace longwave
