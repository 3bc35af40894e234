#include "bench/cases.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench/case_parts.h"
#include "bench/operator_cases.h"
#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"

namespace longwave::bench {
namespace {

/// A mixer of the registry at these sizes. It is bound by its matrices of two dimensions, by `products` (multiply-adds
/// a step that these do not show), by the transforms of `convolved` features, by the exponentials of attention with
/// `heads` heads, and by a selective scan of `states` states a step.
struct MixerCase {
  std::string name, mixer = name;
  Json settings = Json::object();
  double target = 0, products = 0;
  std::int64_t convolved = 0, heads = 0, states = 0, b = 1, t = 4096, d = 256;
  std::int64_t gates = 0;                              // of a network with one recurrent matrix
  std::vector<std::array<std::int64_t, 2>> maps = {};  // all linear ones, to be timed alone: inputs, outputs

  Case make() const {
    auto sized = *this;
    sized.t = steps_of(t);
    if (sized.t != t) sized.b = 1;
    return sized.make_at_size();
  }

 private:
  Case make_at_size() const {
    Case c{.sizes = fmt::format("b{} t{} d{}", b, t, d), .target = target};
    const auto& info = find_mixer(mixer);
    const auto module = info.make({d, t}, info.resolve(settings_from_json(settings, "case"), "mixer", false), 1);
    const auto x = leaf(c, "x", at::randn({b, t, d}));
    for (const auto& parameter : module->named_parameters()) c.leaves[parameter.key()] = parameter.value();
    for (const auto& buffer : module->named_buffers())
      if (buffer.value().is_floating_point()) c.leaves[buffer.key()] = buffer.value();
    c.forward = [=]() -> Tensors { return {module->forward(x)}; };
    add_products(c, b * t, matrix_weights(*module) + products + (heads > 0 ? static_cast<double>(t * d) : 0));
    if (convolved > 0) add_convolutions(c, b, t, convolved);
    if (heads > 0) add_scores(c, b * heads * t * (t + 1) / 2);
    if (states > 0) add_scan(c, b * t * states);
    if (gates > 0) c.products = recurrent_products(b, t, d, gates);
    if (!maps.empty()) c.products = map_products(b * t, maps);
    return c;
  }
};

std::int64_t asked_steps = 0;  // behind the name of the case; 0: none

/// The kernel and the convolution alone.
Case s4d() {
  const std::int64_t b = 8, t = steps_of(16384), d = 128;
  auto c = MixerCase{.name = "s4d", .settings = {{"d_state", 64}}, .target = 15, .convolved = d, .b = b, .t = t, .d = d}
               .make();
  c.sizes += " n64";
  return c;
}

/// Products of an input map and of recurrent matrices of four heads of 64, for each gate.
constexpr double headwise_products(int gates) { return gates * 2 * 64 * 256; }

const std::vector<MixerCase>& mixer_cases() {
  const Json recurrent = {{"recurrent_init", "normal"}};
  static const std::vector<MixerCase> all = {
      {.name = "lstm", .target = 5, .b = 32, .t = 512, .gates = 4},
      {.name = "gru", .target = 5, .b = 32, .t = 512, .gates = 3},
      {.name = "rnn", .b = 32, .t = 512, .gates = 1},
      {.name = "flashrnn_elman", .settings = recurrent, .products = headwise_products(1), .b = 32, .t = 512},
      {.name = "flashrnn_lstm", .settings = recurrent, .products = headwise_products(4), .b = 32, .t = 512},
      {.name = "flashrnn_gru", .settings = recurrent, .products = headwise_products(3), .b = 32, .t = 512},
      {.name = "slstm", .settings = recurrent, .products = headwise_products(4), .b = 32, .t = 512},
      {.name = "mingru"},
      {.name = "minlstm"},
      {.name = "lru", .products = 4 * 512 * 256},
      {.name = "s5", .products = 4 * 256 * 256},
      {.name = "liquid_s4", .products = 12 * 64 * 256, .t = 1024},
      {.name = "mamba", .target = 10, .states = 512 * 16, .maps = {{256, 1024}, {512, 48}, {16, 512}, {512, 256}}},
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
      {.name = "attention", .heads = 4},
      {.name = "conv", .products = 5 * 256},
      {.name = "mega_ema", .products = 3 * 16 * 256},
      {.name = "s4", .convolved = 256},
      {.name = "s4_block", .convolved = 256},
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

std::vector<NamedCase> cases() {
  auto all = operator_cases();
  all.emplace_back("s4d", s4d);
  for (const auto& others : {memory_cases(), forecaster_cases(), step_cases()})
    all.insert(all.end(), others.begin(), others.end());
  for (const auto& mixer : mixer_cases()) all.emplace_back(mixer.name, [&mixer] { return mixer.make(); });
  const auto listops = listops_cases();
  all.insert(all.end(), listops.begin(), listops.end());
  return all;
}

}  // namespace

const char* name_of(Bound bound) {
  switch (bound) {
    case Bound::tensor_bytes:
      return "tensor_bytes";
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

std::int64_t steps_of(std::int64_t usual) { return asked_steps > 0 ? asked_steps : usual; }

Case make_case(const std::string& name) {
  const auto at = name.find('@');
  if (at != std::string::npos) asked_steps = std::stoll(name.substr(at + 1));
  for (const auto& [known, make] : cases())
    if (known == name.substr(0, at)) {
      auto c = make();
      c.name = name;
      const auto has = [&](char axis) {
        return (" " + c.sizes + " ").find(fmt::format(" {}{} ", axis, asked_steps)) != std::string::npos;
      };
      check(asked_steps == 0 || has('t') || has('l'), "case ", known, " has no sequence of free length");
      return c;
    }
  fail("unknown case '", name, "'", suggestion(name, case_names()));
}

}  // namespace longwave::bench
