// Fixtures of the operators behind linear attention: inputs q, k, v ... without a layer around them.

#include <ATen/ATen.h>

#include <cmath>
#include <sstream>

#include "longwave/mixers/mixer.h"
#include "longwave/models/fixture_words.h"
#include "longwave/models/gradient_fixture.h"
#include "longwave/nn/flow_attention.h"
#include "longwave/nn/linear_attention.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/wkv4.h"

namespace longwave {
namespace {

at::Tensor or_none(const TensorMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? at::Tensor() : found->second;
}

/// From the layout of the fixture, [b, t, h, ...] or [b, h, t, ...], to ours or back.
at::Tensor swap_if(bool heads_first, const at::Tensor& x) { return heads_first && x.defined() ? x.transpose(1, 2) : x; }

/// The factor of q: a number, also with words behind it ("1 on r"), or 1 / sqrt(k), which fixtures put in words.
double key_scale(const at::Tensor& q, const Json& config) {
  const auto scale = config.find("scale");
  if (scale != config.end() && scale->is_number()) return *scale;
  if (scale != config.end() && scale->is_string()) {
    std::istringstream text(scale->get<std::string>());
    double number = 0;
    if (text >> number && (text.eof() || text.peek() == ' ')) return number;
  }
  return 1 / std::sqrt(static_cast<double>(q.size(-1)));
}

FixtureRun result(const ops::AttentionResult& r, bool heads_first) {
  return {{{"y", swap_if(heads_first, r.o)}, {"final_state", r.final_state}}, {}};
}

FixtureRun gla(const TensorMap& in, const TensorMap&, const Json& config) {
  const auto& q = in.at("q");
  return result(ops::gated_linear_attention(q, in.at("k"), in.at("v"), or_none(in, "gk"), {}, or_none(in, "h0"),
                                            key_scale(q, config)),
                false);
}

FixtureRun retention(const TensorMap& in, const TensorMap&, const Json& config) {
  const auto q = swap_if(true, in.at("q"));
  const auto heads = at::arange(q.size(2), q.options());
  const auto g = at::log1p(-at::exp2(-5 - heads)).expand({q.size(0), q.size(1), q.size(2)});
  return result(ops::gated_linear_attention(q, swap_if(true, in.at("k")), swap_if(true, in.at("v")), g, {},
                                            or_none(in, "h0"), key_scale(q, config)),
                true);
}

FixtureRun rwkv6(const TensorMap& in, const TensorMap& param, const Json& config) {
  const auto r = swap_if(true, in.at("r"));
  return result(ops::gated_linear_attention(r, swap_if(true, in.at("k")), swap_if(true, in.at("v")),
                                            swap_if(true, in.at("log_w")), param.at("u"), or_none(in, "h0"),
                                            key_scale(r, config)),
                true);
}

/// States there are [b, h, v, k], and may carry an axis of size 1.
FixtureRun ssd(const TensorMap& in, const TensorMap&, const Json&) {
  auto initial = or_none(in, "initial_states");
  if (initial.defined() && initial.dim() == 5) initial = initial.squeeze(1);
  const auto r = ops::gated_linear_attention(in.at("C"), in.at("B"), in.at("X"), in.at("A"), {},
                                             initial.defined() ? initial.transpose(2, 3) : initial);
  return {{{"y", r.o}, {"final_state", r.final_state.transpose(2, 3)}}, {}};
}

FixtureRun delta(const TensorMap& in, const Json& config, bool heads_first) {
  const auto q = swap_if(heads_first, in.at("q"));
  return result(ops::delta_rule(q, swap_if(heads_first, in.at("k")), swap_if(heads_first, in.at("v")),
                                swap_if(heads_first, in.at("beta")), swap_if(heads_first, or_none(in, "gg")),
                                or_none(in, "h0"), key_scale(q, config)),
                heads_first);
}

FixtureRun rwkv4(const TensorMap& in, const TensorMap& param, const Json&) {
  const auto r = ops::wkv4(at::exp(param.at("w")), param.at("u"), in.at("k"), in.at("v"), given_state(in));
  return {{{"y", r.y}, {"state", r.final_state}}, {}};
}

FixtureRun delta_rule(const TensorMap& in, const TensorMap&, const Json& config) { return delta(in, config, true); }
FixtureRun gated_delta_rule(const TensorMap& in, const TensorMap&, const Json& config) {
  return delta(in, config, false);
}

/// Sizes and weights of a projection as the reference names them.
at::Tensor project(const TensorMap& param, const std::string& name, const at::Tensor& x) {
  return at::linear(x, param.at(name + "_projection.weight"), param.at(name + "_projection.bias"));
}

/// Flowformer whose keys and values come from another sequence.
FixtureRun flow_cross(const TensorMap& in, const TensorMap& param, const Json& config) {
  const std::int64_t heads = config.at("H");
  const auto features = [&](const at::Tensor& x) {
    return split_heads(config.value("kernel", "sigmoid") == "relu" ? at::relu(x) + 1e-6 : at::sigmoid(x), heads);
  };
  const auto q = features(project(param, "query", in.at("x"))), k = features(project(param, "key", in.at("ctx")));
  const auto v = split_heads(project(param, "value", in.at("ctx")), heads);
  const double eps = config.value("eps", 1e-6);
  const bool causal = config.value("causal", says_causal(config.value("variant", std::string())));
  const auto y = causal ? causal_flow_attention(q, k, v, {}, {}, eps, nullptr) : flow_attention(q, k, v, {}, {}, eps);
  return {{{"y", project(param, "out", merge_heads(y))}}, {}};
}

/// The factors [b, s] of the features of the keys k [b, s, ...], from their true lengths or from a mask, which is true
/// where keys exist, or in MultiheadAttention's words where they do not; undefined: all exist.
at::Tensor key_factors(const TensorMap& in, const at::Tensor& k) {
  for (const auto* name : {"key_lengths", "lengths"})
    if (const auto lengths = or_none(in, name); lengths.defined())
      return lengths.dim() == 1 ? valid_steps(lengths, k).squeeze(-1).to(k.scalar_type()) : lengths.to(k.scalar_type());
  for (const auto* name : {"key_mask", "mask"})
    if (const auto mask = or_none(in, name); mask.defined()) return mask.to(k.scalar_type());
  const auto padding = or_none(in, "key_padding_mask");
  return padding.defined() ? padding.logical_not().to(k.scalar_type()) : padding;
}

FixtureRun elu_attention(const TensorMap& in, bool causal, const Json& config) {
  const auto q = elu_features(in.at("q"));
  auto k = elu_features(in.at("k"));
  if (const auto factors = key_factors(in, k); factors.defined()) k = k * factors.unsqueeze(-1).unsqueeze(-1);
  const double eps = config.value("eps", 1e-6);
  at::Tensor state;
  return {
      {{"y", causal ? causal_linear_attention(q, k, in.at("v"), eps, state) : linear_attention(q, k, in.at("v"), eps)}},
      {}};
}

/// Whether it is causal, the fixture says by its name alone.
const RegisterFixtureCheck registered_elu({
    [](const Fixture& fixture) { return fixture.system_id == "linear_attention" && fixture.has("in.q"); },
    [](const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
      const bool causal = fixture.config.value("causal", says_causal(fixture.name));
      check_with_gradients(fixture, report, [=](const TensorMap& in, const TensorMap&, const Json& config) {
        return elu_attention(in, causal, config);
      });
    },
});

const RegisterFixtureCheck registered_flow_cross({
    [](const Fixture& fixture) { return fixture.system_id == "flowformer" && fixture.has("in.ctx"); },
    [](const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
      check_with_gradients(fixture, report, flow_cross);
    },
});

/// Whole layers of the same systems have in.x; those are fixtures of mixers.
RegisterFixtureCheck core(const std::string& system_id, const FixtureCompute& compute) {
  return RegisterFixtureCheck(
      {[=](const Fixture& fixture) { return fixture.system_id == system_id && !fixture.has("in.x"); },
       [=](const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
         check_with_gradients(fixture, report, compute);
       }});
}

const RegisterFixtureCheck registered[] = {
    core("gla", gla),
    core("retnet", retention),
    core("rwkv4", rwkv4),
    core("rwkv6", rwkv6),
    core("ssd", ssd),
    core("deltanet", delta_rule),
    core("gated_deltanet", gated_delta_rule),
};

}  // namespace
}  // namespace longwave
