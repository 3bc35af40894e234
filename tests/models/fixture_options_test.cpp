// Options of the reference programs that no stored fixture has, as fixtures derived from the stored ones. The changes
// are of form, or their effect is known, so that what the derived fixtures expect is exact.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "tests/support/changed_fixture.h"

namespace longwave {
namespace {

using at::Tensor;

using Stored = testing::StoredFixture;

void expect_all_agrees(const FixtureReport& report) {
  EXPECT_EQ(report.failed + report.skipped, "");
  EXPECT_TRUE(report.ok());
  for (const auto& part : report.compared) EXPECT_LE(part.error, part.tolerance) << part.name;
  EXPECT_TRUE(report.not_compared.empty()) << report.not_compared.front();
}

void set(Stored& f, const std::string& key, const Json& value) { f.configure(key, value); }

/// Modules with `transposed: false` take [b, t, d].
void time_second(Stored& f) {
  set(f, "transposed", false);
  for (const auto* name : {"in.x", "in.w", "out.y", "grad.in.x"}) f[name] = f.at(name).transpose(1, 2);
}

/// Skip plus convolution with the kernels k [1, h, l], [b, h, t], by definition.
Tensor convolution(const Stored& f, const Tensor& k) {
  const auto x = f.at("in.x").to(at::kDouble);
  const auto t = x.size(2);
  auto y = f.at("param.D")[0].unsqueeze(-1) * x;
  for (std::int64_t i = 0; i < k.size(2); ++i)
    y.slice(2, i).add_(k[0].select(1, i).unsqueeze(-1) * x.slice(2, 0, t - i));
  return y;
}

/// The expectations come from a stored kernel and carry its rounding.
void expect_by_kernel(Stored& f, const Tensor& y) {
  f.drop_gradients();
  f["out.y"] = y;
  f.metadata["tolerance"] = "2e-5";
}

/// The kernel has l_max taps, and no state goes with it.
void beyond_longest(Stored& f) {
  constexpr std::int64_t kLongest = 60;
  set(f, "l_max", kLongest);
  f["out.K"] = f.at("out.K").slice(2, 0, kLongest);
  f.drop("out.final_state");
  expect_by_kernel(f, convolution(f, f.at("out.K")));
}

/// The first half of the gated output map, without its gate.
void without_output_activation(Stored& f, const char* kernel) {
  const auto d = f.at("in.x").size(1);
  for (const std::string part : {"weight", "bias"}) {
    f.rename_weight("output_linear.0." + part, "output_linear." + part);
    f["param.output_linear." + part] = f.at("param.output_linear." + part).slice(0, 0, d);
  }
  set(f, "postact", nullptr);
  const auto u = at::gelu(convolution(f, f.at(kernel)));
  const auto weight = f.at("param.output_linear.weight").to(at::kDouble);
  expect_by_kernel(f, at::matmul(weight, u) + f.at("param.output_linear.bias").reshape({-1, 1}));
}

/// One more state that nothing drives or reads.
void odd_states(Stored& f) {
  set(f, "N", 9);
  const auto square = [](const Tensor& x) { return at::constant_pad_nd(x, {0, 1, 0, 1}); };
  const auto last = [](const Tensor& x) { return at::constant_pad_nd(x, {0, 1}); };
  f.each("param.transition.a", square);
  f.each("param.transition.b", last);
  f.each("param.C", last);
  f["out.dA"] = square(f.at("out.dA"));
  f["out.dA"].select(1, 8).select(1, 8).fill_(1);
  f["out.dB"] = last(f.at("out.dB"));
  f["out.krylov"] = at::constant_pad_nd(f.at("out.krylov"), {0, 0, 0, 1});
}

/// The same system for each of the 6 features; how it divides the gradient among them is not known.
void systems_of_features(Stored& f) {
  f.drop("grad.param.transition");
  for (const auto* name : {"param.transition.a", "param.transition.b"})
    f[name] = at::stack(std::vector<Tensor>(6, f.at(name)));
}

/// The gates turn every channel by an angle a step; so do inputs, outputs and all gradients.
void turning_gates(Stored& f) {
  const auto h = f.at("in.a").size(1), t = f.at("in.a").size(2);
  const auto angle = at::linspace(0.3, 1.2, h, at::kDouble).unsqueeze(1), all = angle * at::arange(1, t + 1);
  const auto turned = [](const Tensor& by) {
    return [by](const Tensor& x) { return at::stack({x * by.cos(), x * by.sin()}, -1); };
  };
  f.each("in.a", turned(angle));
  f.each("in.b", turned(all));
  f.each("in.h0", turned(at::zeros({h}, at::kDouble)));
  for (const auto* name : {"in.w", "out.y"}) f[name] = turned(all)(f.at(name));
}

struct Derived {
  const char* name;
  const char* from;
  std::function<void(Stored&)> change;
};

void PrintTo(const Derived& c, std::ostream* out) { *out << c.name; }

const auto setting = [](const char* key, const Json& value) { return [=](Stored& f) { set(f, key, value); }; };

const Derived kDerived[] = {
    {"DssOneStepSize", "state_space/dss_softmax",
     [](Stored& f) {
       set(f, "sep_dt_re_im", false);
       f["param.kernel.log_dt"] = f.at("param.kernel.log_dt").select(1, 0);  // both are equal
       f["grad.param.kernel.log_dt"] = f.at("grad.param.kernel.log_dt").to(at::kDouble).sum(1);
     }},
    {"DssTimeSecond", "state_space/dss_exp",
     [](Stored& f) {
       time_second(f);
       f.each("param.output_linear.0.bias", [](const Tensor& x) { return x.squeeze(1); });
     }},
    {"DssWithoutActivation", "state_space/dss_exp", [](Stored& f) { without_output_activation(f, "out.K"); }},
    {"SgconvWithoutActivation", "state_space/sgconv", [](Stored& f) { without_output_activation(f, "out.kernel"); }},
    {"SgconvTimeSecond", "state_space/sgconv", time_second},
    {"S4TimeSecond", "state_space/s4_dplr_causal", time_second},
    {"S4dTimeSecond", "state_space/s4d_lin", time_second},
    {"S4dMinimalTimeSecond", "state_space/s4d_minimal", time_second},
    {"S4BlockTimeSecond", "state_space/s4_block_dplr_bidir", time_second},
    {"S4PolesOfCombinations", "state_space/s4_dplr_causal", setting("init", "hippo")},
    {"S4PolesOfOtherMode", "state_space/s4_dplr_causal", setting("init", "diag-lin")},
    {"S4PolesOfRankTwo", "state_space/s4_dplr_causal",
     [](Stored& f) {
       set(f, "init", "legt");
       f.each("param.kernel.P", [](const Tensor& p) { return at::cat({p, at::zeros_like(p)}); });
     }},
    {"S4dPolesOfOtherMode", "state_space/s4d_legs", setting("init", "legs")},
    {"S4BlockPolesWithRank", "state_space/s4_block_s4d",
     [](Stored& f) { set(f, "init", "diag-inv2"), set(f, "rank", 1); }},
    {"S4LongestNull", "state_space/s4_dplr_causal", setting("l_max", nullptr)},
    {"S4LengthNull", "state_space/s4_dplr_causal", setting("L", nullptr)},
    {"S4BeyondLongest", "state_space/s4_dplr_causal", beyond_longest},
    {"S4dBeyondLongest", "state_space/s4d_lin", beyond_longest},
    {"S4dIdentity", "state_space/s4d_lin", setting("activation", "id")},
    {"H3OtherPoles", "state_space/h3_hd1", setting("measure", "diag-inv2")},
    {"LsslOtherPoles", "state_space/lssl", setting("measure", "lagt")},
    {"LsslOddStates", "state_space/lssl", odd_states},
    {"LsslOfEachFeature", "state_space/lssl", systems_of_features},
    {"LsslOfEachFeatureFixed", "state_space/lssl",
     [](Stored& f) {
       systems_of_features(f);
       f.rename("param.transition.a", "in.transition.a");
       f.rename("param.transition.b", "in.b");
     }},
    {"LsslFixed", "state_space/lssl",
     [](Stored& f) {
       set(f, "learn", 0);
       f.drop("grad.param.transition");
       f.rename("param.transition.a", "in.transition.a");
       f.rename("param.transition.b", "in.b");
     }},
    {"GssReversed", "state_space/gss",
     [](Stored& f) {
       set(f, "reverse_seq", true);
       for (const auto* name : {"in.x", "in.w", "out.y", "grad.in.x"}) f[name] = f.at(name).flip(1);
     }},
    {"FemAlwaysCausalGla", "attention/fem_gla", setting("causal", false)},
    {"FemAlwaysCausalAft", "attention/fem_aft", setting("causal", false)},
    {"WaveGlaByItsWeights", "attention/wave_gla_arma",
     [](Stored& f) {
       auto config = f.config();
       config.erase("decay");
       f.metadata["config"] = config.dump();
       f.metadata["case"] = "arma";
     }},
    {"WaveSoftmaxByItsWeights", "attention/wave_softmax_arma", [](Stored& f) { f.metadata["case"] = "arma"; }},
    {"LinearScanComplex", "state_space/linear_scan", turning_gates},
    {"ScaleInWords", "state_space/gla_recurrent",
     [](Stored& f) {
       set(f, "scale", "1.0 on q");
       const auto scale = std::sqrt(static_cast<double>(f.at("in.q").size(-1)));
       for (const auto* name : {"grad.in.q", "grad.in.k", "grad.in.v", "grad.in.gk", "out.y", "out.loss"})
         f[name].mul_(scale);
       f["grad.in.h0"].mul_(scale);
     }},
    {"WeightsByName", "state_space/s4d_lin",
     [](Stored& f) {
       f.rename("in.w", "in.w.y");
       f["in.w.final_state"] = at::zeros_like(f.at("out.final_state"));
     }},
    {"WeightedState", "state_space/s4_dplr_causal",
     [](Stored& f) {
       f.drop("grad.");
       f.rename("in.w", "in.w.y");
       f["in.w.final_state"] = f.at("out.final_state").sign();
       f["out.loss"] += f.at("out.final_state").abs().sum();
     }},
    {"StateOfWkv", "state_space/rwkv4_wkv",
     [](Stored& f) {
       const auto k = f.at("in.k");
       auto state = at::zeros({k.size(0), 3, k.size(2)});
       state.select(1, 2).fill_(-1e38);
       f["in.state"] = state;
     }},
};

class FixtureOption : public ::testing::TestWithParam<Derived> {};

TEST_P(FixtureOption, ExpectationsOfTheStoredOneHold) {
  Stored fixture(GetParam().from);
  GetParam().change(fixture);
  expect_all_agrees(fixture.run());
}

INSTANTIATE_TEST_SUITE_P(All, FixtureOption, ::testing::ValuesIn(kDerived),
                         [](const auto& info) { return std::string(info.param.name); });

/// The mixer that a fixture is about, with its weights, in float64.
std::shared_ptr<SequenceMixer> mixer_of(const Stored& f, const MixerInfo& info) {
  TensorMap weights;
  for (const auto& [name, tensor] : f.tensors)
    if (name.starts_with("param.")) weights[name.substr(6)] = tensor;
  if (f.tensors.contains("in.l_kernel")) weights["kernel.l_kernel"] = f.at("in.l_kernel");
  auto config = f.config();
  for (const auto& [name, tensor] : weights) config["weights"][name] = tensor.sizes().vec();
  MixerSizes sizes;
  auto settings = config;
  info.reference.configure(config, sizes, settings);
  Json given;
  for (const auto& [key, value] : settings.items())
    if (!value.is_null()) given[key] = value;
  const auto mixer = info.make(sizes, info.resolve(settings_from_json(given, "fixture"), "config", true), 0);
  mixer->load(mixer->import_reference(weights), "fixture");
  mixer->to(at::kDouble);
  mixer->eval();
  return mixer;
}

TEST(FixtureOptions, LengthsOfTheBlockMaskItsInputAlone) {
  Stored f("state_space/s4_block_s4d");
  const auto y = f.at("out.y");
  const auto longer = [](const Tensor& x, double value) { return at::constant_pad_nd(x, {0, 6}, value); };
  const auto mixer = mixer_of(f, find_mixer("s4_block"));
  const at::NoGradGuard no_grad;
  const auto masked = longer(f.at("in.x"), 0).to(at::kDouble).transpose(1, 2);
  f.drop_gradients();
  f["out.y"] = mixer->forward(masked).transpose(1, 2);
  EXPECT_LT((f.at("out.y").slice(2, 0, y.size(2)) - y).abs().max().item<double>(), 1e-6);
  f["in.x"] = longer(f.at("in.x"), 3);
  f["in.lengths"] = at::full({y.size(0)}, y.size(2), at::kLong);
  expect_all_agrees(f.run());
}

TEST(FixtureOptions, SuggestedTolerancesAreThoseOfTheSpecification) {
  for (const auto& [error, ok] : {std::pair{5e-6, true}, std::pair{3e-5, false}}) {
    Stored f("attention/fem_linear");
    auto& y = f["out.y"];
    y[0][0][0] += error * y.abs().max().item<double>();
    EXPECT_EQ(f.run().ok(), ok) << error;
  }
}

/// The second half of a stored sequence, with the state after the first half among the inputs, under the name `as`.
struct Continued {
  const char* from;
  const char* as;
};

void PrintTo(const Continued& c, std::ostream* out) { *out << c.from; }

class ContinuedFixture : public ::testing::TestWithParam<Continued> {};

/// minLSTM's reference puts the given state through g, the positive candidate; this is its inverse.
Tensor before_candidate(const Tensor& h) { return at::where(h >= 0.5, h - 0.5, at::logit(h)).unsqueeze(1); }

TEST_P(ContinuedFixture, EqualsTheWhole) {
  Stored f(GetParam().from);
  const auto& info = find_mixer(f.metadata.at("system_id"));
  const auto& reference = info.reference;
  const auto layout = reference.layout_of ? reference.layout_of(f.config()) : reference.layout;
  const auto time = static_cast<std::int64_t>(layout.find('t'));
  const auto steps = f.at("in.x").size(time), first = steps / 2 - 3;
  const auto mixer = mixer_of(f, info);
  {
    const at::NoGradGuard no_grad;
    const auto x = f.at("in.x").to(at::kDouble).narrow(time, 0, first);
    auto state = mixer->initial_state(x.size(static_cast<std::int64_t>(layout.find('b'))));
    mixer->forward(layout == "btd" ? x : layout == "bdt" ? x.transpose(1, 2) : x.transpose(0, 1), {}, &state);
    for (const auto& [name, tensor] : reference.final_state(state)) {
      const std::string last = "final_state";
      const auto given = name.starts_with(last) ? GetParam().as + name.substr(last.size()) : name;
      f["in." + given] = info.name == "minlstm" ? before_candidate(tensor) : tensor;
    }
  }
  f.drop_gradients();
  for (const auto* kernel : {"out.K", "out.kernel", "out.dA", "out.dB", "out.C_full", "out.krylov"}) f.drop(kernel);
  for (const auto* name : {"in.x", "out.y"}) f[name] = f.at(name).narrow(time, first, steps - first);
  expect_all_agrees(f.run());
}

INSTANTIATE_TEST_SUITE_P(
    Mixers, ContinuedFixture,
    ::testing::Values(Continued{"state_space/s4_dplr_causal", "h0"},
                      Continued{"state_space/s4_dplr_channels2", "state"}, Continued{"state_space/s4d_lin", "state0"},
                      Continued{"state_space/s4d_inv_dtfree", "h0"}, Continued{"state_space/lssl", "h0"},
                      Continued{"state_space/mega_ema", "initial_state"}, Continued{"state_space/h3_hd1", "h0"},
                      Continued{"state_space/h3_hd2", "state"}, Continued{"state_space/mamba_block", ""},
                      Continued{"state_space/mamba2_block", ""}, Continued{"state_space/s5", "h0"},
                      Continued{"state_space/lru", "state"}, Continued{"state_space/minGRU", "h0"},
                      Continued{"state_space/minLSTM", "prev_hidden"}));

}  // namespace
}  // namespace longwave
