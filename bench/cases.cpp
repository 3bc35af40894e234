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
  Case c{.sizes = fmt::format("b{} t{} d{} n{}", b, t, d, n), .bound = Bound::exponentials, .target = 300};
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
  c.forward_work = static_cast<double>(b * t * d * n);
  c.both_work = 2 * c.forward_work;
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
  c.forward_work = 2 * product, c.both_work = 7 * product;
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
  c.forward_work = 2 * product, c.both_work = 7 * product;
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

/// A mixer of the registry; its bound is that of its matrices of two or more dimensions: 2 operations a weight and step
/// forward, 4 more backward.
Case mixer_case(const std::string& name, std::int64_t b, std::int64_t t, std::int64_t d, double target,
                const Json& settings = Json::object()) {
  Case c{.sizes = fmt::format("b{} t{} d{}", b, t, d), .target = target};
  const auto& info = find_mixer(name);
  const auto mixer = info.make({d, t}, info.resolve(settings_from_json(settings, "case"), "mixer", false), 1);
  const auto x = leaf(c, "x", at::randn({b, t, d}));
  for (const auto& parameter : mixer->named_parameters()) c.leaves[parameter.key()] = parameter.value();
  c.forward = [=] { return mixer->forward(x); };
  c.forward_work = 2 * matrix_weights(*mixer) * static_cast<double>(b * t), c.both_work = 3 * c.forward_work;
  return c;
}

/// Transforms of real sequences of length 2t, 5 t log2 t operations each (a complex one of length t); forward: of u, of
/// the product, of the kernel; backward: of dy, u, du, of the kernel and its gradient.
Case s4d() {
  const std::int64_t b = 8, t = 16384, d = 128;
  auto c = mixer_case("s4d", b, t, d, 15, {{"d_state", 64}});
  c.sizes += " n64";
  const double transform = 5 * static_cast<double>(t) * std::log2(static_cast<double>(t));
  c.bound = Bound::fft_flops;
  c.forward_work = transform * static_cast<double>(2 * b * d + d);
  c.both_work = c.forward_work + transform * static_cast<double>(3 * b * d + 2 * d);
  return c;
}

/// The body of a ListOps step: six blocks of width 256 at the longest of its lengths. Bound by the matrix products
/// alone, to which a mixer may add `more` for each step and layer.
Case stack(const std::string& mixer, const Json& settings, const std::string& channel, double more) {
  const std::int64_t b = 4, t = 2000, d = 256, layers = 6;
  Case c{.sizes = fmt::format("b{} t{} d{}", b, t, d), .target = 4};
  BackboneConfig config{.mixer = mixer, .mixer_settings = settings, .channel = channel};
  config.d_model = d, config.layers = layers, config.l_max = t, config.norm = "layer";
  const auto model = std::make_shared<Backbone>(config, 1);
  const auto x = leaf(c, "x", at::randn({b, t, d}));
  for (const auto& parameter : model->named_parameters()) c.leaves[parameter.key()] = parameter.value();
  c.forward = [=] { return model->forward(x); };
  c.forward_work = 2 * static_cast<double>(b * t) * (matrix_weights(*model) + layers * more);
  c.both_work = 3 * c.forward_work;
  return c;
}

const std::vector<std::pair<std::string, std::function<Case()>>>& cases() {
  const auto block = [](const std::string& name, double target) {
    return std::pair{name, std::function<Case()>([=] { return mixer_case(name, 1, 4096, 256, target); })};
  };
  const auto recurrent = [](const std::string& name) {
    return std::pair{name, std::function<Case()>([=] { return mixer_case(name, 32, 512, 256, 5); })};
  };
  static const std::vector<std::pair<std::string, std::function<Case()>>> all = {
      {"selective_scan", selective_scan},
      {"s4d", s4d},
      {"linear_attention", linear_attention},
      {"softmax_attention", softmax_attention},
      recurrent("lstm"),
      recurrent("gru"),
      block("mamba", 10),
      block("mamba2", 10),
      block("gla", 10),
      block("deltanet", 10),
      // As published for ListOps: a gated map of the features behind every kernel, no MLP.
      {"s4d_stack",
       [] {
         return stack("s4_block", {{"mode", "diag"}, {"d_state", 4}, {"n_ssm", 1}, {"bidirectional", true}}, "none", 0);
       }},
      // Products with the keys and the values of all steps.
      {"transformer_stack",
       [] {
         return stack("attention", {{"causal", false}, {"rotary", "none"}, {"bias", false}}, "mlp", 2 * 2000 * 256);
       }},
  };
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
