#include "bench/cases.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/models/backbone.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/selective_scan.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave::bench {
namespace {

using at::Tensor;

Tensor leaf(Case& c, const std::string& name, const Tensor& value) {
  return c.leaves[name] = value.detach().requires_grad_();
}

/// Exponentials: one for every state forward, and once more backward, where the decays are computed again.
Case selective_scan() {
  const std::int64_t b = 4, t = 2048, d = 256, n = 16;
  Case c{.sizes = fmt::format("b{} t{} d{} n{}", b, t, d, n), .target = 300};
  const ops::SelectiveScanInputs in{.u = leaf(c, "u", at::randn({b, t, d})),
                                    .delta = leaf(c, "delta", at::randn({b, t, d})),
                                    .A = leaf(c, "A", -at::arange(1, n + 1, at::kFloat).repeat({d, 1})),
                                    .B = leaf(c, "B", at::randn({b, t, n})),
                                    .C = leaf(c, "C", at::randn({b, t, n})),
                                    .D = leaf(c, "D", at::randn({d})),
                                    .z = {},
                                    .delta_bias = leaf(c, "delta_bias", at::randn({d}) - 4),
                                    .delta_softplus = true,
                                    .state = {},
                                    .lengths = {}};
  c.forward = [in] { return ops::selective_scan(in).y; };
  const auto states = static_cast<double>(b * t * d * n);
  c.work[Bound::exponentials] = {states, 2 * states};
  return c;
}

/// Without decay and normaliser. A step: 2 products of width 32 (the visible half of a chunk of 64) and 2 with the
/// state forward; 5 of either kind backward, of which the scores and the state once again.
Case linear_attention() {
  const std::int64_t b = 8, h = 8, t = 4096, e = 64;
  Case c{.sizes = fmt::format("b{} h{} t{} d{}", b, h, t, e), .target = 4};
  const auto q = leaf(c, "q", at::randn({b, t, h, e}) / 8), k = leaf(c, "k", at::randn({b, t, h, e}) / 8),
             v = leaf(c, "v", at::randn({b, t, h, e}));
  c.forward = [=] { return ops::gated_linear_attention(q, k, v).o; };
  const double product = 2 * static_cast<double>(b * h * t * e) * (32 + static_cast<double>(e));
  c.work[Bound::gemm_flops] = {2 * product, 7 * product};
  return c;
}

/// The visible half of the square: 2 products forward, 5 backward, of which the scores once again.
Case softmax_attention() {
  const std::int64_t b = 2, h = 8, t = 2048, e = 64;
  Case c{.sizes = fmt::format("b{} h{} t{} d{} causal", b, h, t, e), .target = 4};
  const auto q = leaf(c, "q", at::randn({b, t, h, e})), k = leaf(c, "k", at::randn({b, t, h, e})),
             v = leaf(c, "v", at::randn({b, t, h, e}));
  c.forward = [=] { return std::get<0>(ops::softmax_attention(q, k, v, {})); };
  const double product = static_cast<double>(b * h * t * t * e);
  c.work[Bound::gemm_flops] = {2 * product, 7 * product};
  return c;
}

/// Numbers of all matrices of two dimensions: what products a step takes.
double matrix_weights(const Module& module) {
  double weights = 0;
  for (const auto& parameter : module.named_parameters())
    if (parameter.key().find("weight") != std::string::npos && parameter.value().dim() == 2)
      weights += static_cast<double>(parameter.value().numel());
  return weights;
}

/// Adds products of `multiply_adds` a step: 2 operations each forward, 4 more backward.
void add_products(Case& c, std::int64_t steps, double multiply_adds) {
  const double forward = 2 * multiply_adds * static_cast<double>(steps);
  c.work[Bound::gemm_flops].forward += forward, c.work[Bound::gemm_flops].both += 3 * forward;
}

/// Adds causal convolutions of b rows of `channels` features with a kernel each: transforms of real sequences of length
/// 2t, 5 t log2 t operations each (a complex one of length t); forward: of u, of the product, of the kernel; backward:
/// of dy, u, du, of the kernel and its gradient.
void add_convolutions(Case& c, std::int64_t b, std::int64_t t, std::int64_t channels) {
  const double transform = 5 * static_cast<double>(t) * std::log2(static_cast<double>(t));
  const double forward = transform * static_cast<double>((2 * b + 1) * channels);
  c.work[Bound::fft_flops].forward += forward;
  c.work[Bound::fft_flops].both += forward + transform * static_cast<double>((3 * b + 2) * channels);
}

/// A mixer of the registry at these sizes. It is bound by its matrices of two dimensions, by `products` (multiply-adds
/// a step that these do not show), and by the transforms of `convolved` features.
struct MixerCase {
  std::string name, mixer = name;
  Json settings = Json::object();
  double target = 0, products = 0;
  std::int64_t convolved = 0, b = 1, t = 4096, d = 256;

  Case make() const {
    Case c{.sizes = fmt::format("b{} t{} d{}", b, t, d), .target = target};
    const auto& info = find_mixer(mixer);
    const auto module = info.make({d, t}, info.resolve(settings_from_json(settings, "case"), "mixer", false), 1);
    const auto x = leaf(c, "x", at::randn({b, t, d}));
    for (const auto& parameter : module->named_parameters()) c.leaves[parameter.key()] = parameter.value();
    for (const auto& buffer : module->named_buffers())
      if (buffer.value().is_floating_point()) c.leaves[buffer.key()] = buffer.value();
    c.forward = [=] { return module->forward(x); };
    add_products(c, b * t, matrix_weights(*module) + products);
    if (convolved > 0) add_convolutions(c, b, t, convolved);
    return c;
  }
};

/// The kernel and the convolution alone.
Case s4d() {
  const std::int64_t b = 8, t = 16384, d = 128;
  auto c = MixerCase{.name = "s4d", .settings = {{"d_state", 64}}, .target = 15, .convolved = d, .b = b, .t = t, .d = d}
               .make();
  c.sizes += " n64";
  return c;
}

/// The body of a ListOps step: six blocks of width 256 at the longest of its lengths. Bound by its matrices, by the
/// `products` that a mixer adds for each step and layer, and by the transforms of `convolved` features of each layer.
Case stack(const std::string& mixer, const Json& settings, const std::string& channel, double products,
           std::int64_t convolved) {
  const std::int64_t b = 4, t = 2000, d = 256, layers = 6;
  Case c{.sizes = fmt::format("b{} t{} d{}", b, t, d), .target = 4};
  BackboneConfig config{.mixer = mixer, .mixer_settings = settings, .channel = channel};
  config.d_model = d, config.layers = layers, config.l_max = t, config.norm = "layer";
  const auto model = std::make_shared<Backbone>(config, 1);
  const auto x = leaf(c, "x", at::randn({b, t, d}));
  for (const auto& parameter : model->named_parameters()) c.leaves[parameter.key()] = parameter.value();
  c.forward = [=] { return model->forward(x); };
  add_products(c, b * t, matrix_weights(*model) + layers * products);
  if (convolved > 0) add_convolutions(c, b, t, layers * convolved);
  return c;
}

/// Products of a state [keys, values] of `heads` heads, which is written once and read `reads` times a step, and of the
/// visible half of a chunk of 64 steps.
constexpr double state_products(int heads, int keys, int values, int reads = 1) {
  return heads * ((1.0 + reads) * keys * values + 32.0 * reads * (keys + values));
}

/// Products of an input map and of recurrent matrices of four heads of 64, for each gate.
constexpr double headwise_products(int gates) { return gates * 2 * 64 * 256; }

const std::vector<MixerCase>& mixer_cases() {
  const Json recurrent = {{"recurrent_init", "normal"}};
  static const std::vector<MixerCase> all = {
      {.name = "lstm", .target = 5, .b = 32, .t = 512},
      {.name = "gru", .target = 5, .b = 32, .t = 512},
      {.name = "rnn", .b = 32, .t = 512},
      {.name = "flashrnn_elman", .settings = recurrent, .products = headwise_products(1), .b = 32, .t = 512},
      {.name = "flashrnn_lstm", .settings = recurrent, .products = headwise_products(4), .b = 32, .t = 512},
      {.name = "flashrnn_gru", .settings = recurrent, .products = headwise_products(3), .b = 32, .t = 512},
      {.name = "slstm", .settings = recurrent, .products = headwise_products(4), .b = 32, .t = 512},
      {.name = "mingru"},
      {.name = "minlstm"},
      {.name = "lru", .products = 4 * 512 * 256},
      {.name = "s5", .products = 4 * 256 * 256},
      {.name = "liquid_s4", .products = 12 * 64 * 256, .t = 1024},
      {.name = "mamba", .target = 10},
      {.name = "mamba2", .target = 10, .products = state_products(8, 128, 64)},
      {.name = "gla", .target = 10, .products = state_products(4, 32, 64)},
      {.name = "deltanet", .target = 10, .products = state_products(4, 64, 64, 2)},
      {.name = "gated_deltanet", .products = state_products(4, 48, 96, 2)},
      {.name = "retnet", .products = state_products(4, 64, 128)},
      {.name = "rwkv4"},
      {.name = "rwkv6", .products = 2 * (5 * 32 + 64) * 256 + state_products(4, 64, 64)},
      {.name = "linear_transformer", .mixer = "linear_attention", .products = state_products(4, 64, 64)},
      {.name = "flowformer"},
      {.name = "wave"},
      {.name = "zeros"},
      {.name = "fem", .products = 64 * 896},
      {.name = "attention", .products = 4096 * 256},
      {.name = "conv", .products = 5 * 256},
      {.name = "mega_ema", .products = 3 * 16 * 256},
      {.name = "s4", .convolved = 256},
      {.name = "s4d_block", .mixer = "s4_block", .settings = {{"mode", "diag"}}, .convolved = 256},
      {.name = "s4d_minimal", .products = 2 * 256 * 256, .convolved = 256},
      {.name = "dss", .convolved = 256},
      {.name = "h3", .convolved = 2 * 256},
      {.name = "gss", .convolved = 64},
      {.name = "lssl", .convolved = 256},
      {.name = "sgconv", .convolved = 256},
      {.name = "hyena", .convolved = 256},
  };
  return all;
}

std::vector<std::pair<std::string, std::function<Case()>>> cases() {
  std::vector<std::pair<std::string, std::function<Case()>>> all = {
      {"selective_scan", selective_scan},
      {"s4d", s4d},
      {"linear_attention", linear_attention},
      {"softmax_attention", softmax_attention},
  };
  for (const auto& mixer : mixer_cases()) all.emplace_back(mixer.name, [&mixer] { return mixer.make(); });
  // As published for ListOps: a gated map of the features behind every kernel, no MLP.
  all.emplace_back("s4d_stack", [] {
    return stack("s4_block", {{"mode", "diag"}, {"d_state", 4}, {"n_ssm", 1}, {"bidirectional", true}}, "none", 0, 256);
  });
  // Products with the keys and the values of all steps.
  all.emplace_back("transformer_stack", [] {
    return stack("attention", {{"causal", false}, {"rotary", "none"}, {"bias", false}}, "mlp", 2 * 2000 * 256, 0);
  });
  return all;
}

}  // namespace

const char* name_of(Bound bound) {
  switch (bound) {
    case Bound::exponentials:
      return "exponentials";
    case Bound::fft_flops:
      return "fft_flops";
    case Bound::gemm_flops:
      return "gemm_flops";
  }
  return "";
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : cases()) names.push_back(name);
  return names;
}

Case make_case(const std::string& name) {
  for (const auto& [known, make] : cases())
    if (known == name) {
      auto c = make();
      c.name = name;
      return c;
    }
  fail("unknown case '", name, "'", suggestion(name, case_names()));
}

}  // namespace longwave::bench
