// Options of the references that the golden fixtures do not use, on golden fixtures rewritten so that the answer stays
// known: the same function said in another way.

#include <ATen/ATen.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tests/support/changed_fixture.h"

namespace longwave {
namespace {

using testing::ChangedFixture;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Case {
  std::string name, golden;
  std::function<void(ChangedFixture&)> change;
  bool passes = true;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class LayerFixtureOptions : public ChangedFixture, public ::testing::WithParamInterface<Case> {};

TEST_P(LayerFixtureOptions, AreReadAsTheReferenceMeansThem) {
  load(GetParam().golden);
  GetParam().change(*this);
  const auto report = run();
  EXPECT_EQ(report.failed, "");
  const auto* worst = report.worst();
  EXPECT_EQ(report.ok(), GetParam().passes)
      << (worst ? worst->name + ": " + std::to_string(worst->error / worst->tolerance) + " of its tolerance" : "");
}

// --- what the tables are made of

std::function<void(ChangedFixture&)> configured(const std::string& key, const Json& value) {
  return [=](ChangedFixture& f) { f.configure(key, value); };
}

/// A weight and its gradient, multiplied and divided by `factor`.
void scale(ChangedFixture& f, const std::string& name, double factor) {
  f.tensors["param." + name].mul_(factor);
  f.tensors["grad.param." + name].div_(factor);
}

void rename(ChangedFixture& f, const std::string& from, const std::string& to) {
  for (const std::string prefix : {"param.", "grad.param."}) {
    if (!f.tensors.count(prefix + from)) continue;
    f.tensors[prefix + to] = f.tensors.at(prefix + from);
    f.tensors.erase(prefix + from);
  }
}

/// Where new numbers were derived from the fixture's, which are rounded.
void loosen(ChangedFixture& f) { f.metadata["suggested_tolerance"] = "rtol 1e-4, atol 1e-5"; }

/// Another output, whose gradients nobody knows.
void expect_output(ChangedFixture& f, const at::Tensor& y) {
  f.drop("grad.");
  f.tensors["out.y"] = y;
  f.tensors["in.w"] = at::ones_like(y);
  f.tensors["out.loss"] = y.sum();
  loosen(f);
}

// --- masks of softmax attention

at::Tensor future(std::int64_t t) { return at::ones({t, t}, at::kBool).triu(1); }

void mask_the_future(ChangedFixture& f, const at::Tensor& mask) {
  f.configure("variant", "masked");
  f.configure("causal", false);
  f.tensors["in.attn_mask"] = mask;
}

void mask_padding_per_head(ChangedFixture& f) {
  const auto hidden = f.tensors.at("in.key_padding_mask");
  const auto t = hidden.size(1);
  f.tensors["in.attn_mask"] = hidden.repeat_interleave(4, 0).unsqueeze(1).expand({hidden.size(0) * 4, t, t});
  f.drop("in.key_padding_mask");
}

/// One of the queries of the first row sees no key.
void hide_all_keys_of_one_query(ChangedFixture& f) {
  auto y = f.tensors.at("out.y").clone();
  y.narrow(1, 3, 1).copy_(f.tensors.at("param.out_proj.bias"));
  auto mask = at::zeros({77, 77}, at::kBool);
  mask[3].fill_(true);
  f.tensors["in.attn_mask"] = mask;
  expect_output(f, y);
}

void split_projections(ChangedFixture& f) {
  for (const std::string prefix : {"param.", "grad.param."}) {
    const auto parts = f.tensors.at(prefix + "in_proj_weight").chunk(3);
    f.tensors[prefix + "q_proj_weight"] = parts[0].clone();
    f.tensors[prefix + "k_proj_weight"] = parts[1].clone();
    f.tensors[prefix + "v_proj_weight"] = parts[2].clone();
    f.drop(prefix + "in_proj_weight");
  }
}

/// For 2 rows of 4 heads, `factor` times what ALiBi takes off the scores of 77 steps.
at::Tensor distances_by_slopes(double factor) {
  const auto distances = (at::arange(77).unsqueeze(1) - at::arange(77)).abs();
  return (factor * at::tensor({0.25f, 0.0625f, 0.015625f, 0.00390625f}).view({4, 1, 1}) * distances).repeat({2, 1, 1});
}

const Case kAttention[] = {
    {"bool mask", "attention/softmax_causal", [](auto& f) { mask_the_future(f, future(77)); }},
    {"added mask", "attention/softmax_causal",
     [](auto& f) {
       mask_the_future(f, at::zeros({77, 77}).masked_fill(future(77), -kInfinity));
     }},
    {"mask of grouped heads", "attention/softmax_gqa_rope_half", [](auto& f) { mask_the_future(f, future(50)); }},
    {"mask per head", "attention/softmax_padded", mask_padding_per_head},
    {"mask and padding", "attention/softmax_padded",
     [](auto& f) {
       f.tensors["in.attn_mask"] = at::zeros({77, 77}, at::kBool);
     }},
    {"mask and causal", "attention/softmax_causal",
     [](auto& f) {
       f.tensors["in.attn_mask"] = at::zeros({77, 77}, at::kBool);
     }},
    {"ALiBi under a mask that adds as much", "attention/softmax_causal",
     [](auto& f) {
       f.configure("alibi", true);
       f.tensors["in.attn_mask"] = distances_by_slopes(1);
     }},
    {"nothing to see", "attention/softmax_bidirectional", hide_all_keys_of_one_query},
    {"mask is read", "attention/softmax_bidirectional", [](auto& f) { f.tensors["in.attn_mask"] = future(77); }, false},
    {"causal among other words", "attention/softmax_causal", configured("variant", "causal_long")},
    {"noncausal", "attention/softmax_bidirectional", configured("variant", "noncausal")},
    {"separate projections", "attention/softmax_cross", split_projections},
};

// --- padded keys of linear attention

/// Five keys behind the last, for nobody to read.
void pad_keys(ChangedFixture& f, const std::string& name, const at::Tensor& says_so) {
  for (const std::string key : {"k", "v"}) {
    auto& x = f.tensors["in." + key];
    x = at::cat({x, at::full({2, 5, 3, 8}, 7.0f)}, 1);
    auto& gradient = f.tensors["grad.in." + key];
    gradient = at::cat({gradient, at::zeros({2, 5, 3, 8})}, 1);
  }
  f.tensors[name] = says_so;
}

/// The reference multiplies keys and values by the mask: twice as large, under a mask of one half, they are the same.
void halve_keys(ChangedFixture& f) {
  for (const auto* name : {"W_k.weight", "W_k.bias", "W_v.weight", "W_v.bias"}) scale(f, name, 2);
  const auto x = f.tensors.at("in.x");
  f.tensors["in.attention_mask"] = at::full({x.size(0), x.size(1)}, 0.5f);
}

const Case kLinearAttention[] = {
    {"lengths of keys", "attention/linear_elu_bidirectional",
     [](auto& f) { pad_keys(f, "in.key_lengths", at::full({2}, 97, at::kLong)); }},
    {"mask of keys", "attention/linear_elu_bidirectional",
     [](auto& f) {
       pad_keys(f, "in.key_padding_mask", (at::arange(102) >= 97).expand({2, 102}));
     }},
    {"noncausal by name", "attention/linear_elu_bidirectional",
     [](auto& f) { f.metadata["case"] = "linear_elu_noncausal"; }},
    {"mask of the free energy mixer", "attention/fem_linear", halve_keys},
    {"mask before the conditioning", "attention/fem_gla", halve_keys},
};

// --- Mamba-2

/// As Python writes it, which JSON is not.
void limit_steps_by_infinity(ChangedFixture& f) {
  f.metadata["config"].insert(1, R"("dt_limit": [0.0, Infinity], "remark": NaN, )");
}

void skip_per_channel(ChangedFixture& f) {
  f.configure("D_has_hdim", true);
  f.tensors["param.D"] = f.tensors.at("param.D").repeat_interleave(8);
  f.drop("grad.param.D");
}

/// Outputs are unknown without a norm; here there are none.
void without_norm(ChangedFixture& f) {
  f.tensors["param.out_proj.weight"].zero_();
  f.drop("param.norm.");
  expect_output(f, at::zeros_like(f.tensors.at("out.y")));
}

const Case kMamba2[] = {
    {"no limit of steps", "state_space/mamba2_block", limit_steps_by_infinity},
    {"limit of steps", "state_space/mamba2_block", configured("dt_limit", {0.0, 1e-3}), false},
    {"skip per channel", "state_space/mamba2_block", skip_per_channel},
    {"learnt initial state", "state_space/mamba2_block",
     [](auto& f) {
       f.tensors["param.init_states"] = at::zeros({4, 8, 16});
     }},
    {"no norm", "state_space/mamba2_block", without_norm},
};

// --- the classifier

/// The sum over the steps is so many times the mean.
void pool_by_sum(ChangedFixture& f) {
  loosen(f);
  f.configure("pool", "sum");
  scale(f, "decoder.weight", 1.0 / 50);
}

/// Every step of every row is a token of its own.
void read_tokens(ChangedFixture& f) {
  loosen(f);
  auto& x = f.tensors["in.x"];
  const auto b = x.size(0), t = x.size(1);
  auto& weight = f.tensors["param.encoder.weight"];
  weight = at::linear(x, weight, f.tensors.at("param.encoder.bias")).flatten(0, 1);
  x = at::arange(b * t).view({b, t});
  f.drop("param.encoder.bias"), f.drop("grad.param.encoder."), f.drop("grad.in.x");
}

/// With layer norm, steps behind the end of the rows change nothing.
void pad_rows(ChangedFixture& f) {
  f.tensors["in.lengths"] = at::full({2}, 50, at::kLong);
  f.tensors["in.x"] = at::cat({f.tensors.at("in.x"), at::randn({2, 9, 3})}, 1);
  f.tensors["grad.in.x"] = at::cat({f.tensors.at("grad.in.x"), at::zeros({2, 9, 3})}, 1);
}

/// Batch norm takes its statistics from padding too.
void call_the_end_padding(ChangedFixture& f) { f.tensors["in.lengths"] = at::full({3}, 59, at::kLong); }

/// softplus of it is the old step size.
void store_steps_for_softplus(ChangedFixture& f) {
  loosen(f);
  f.configure("dt_transform", "softplus");
  for (const std::string layer : {"0", "1"}) {
    const auto name = "layers." + layer + ".layer.layer.kernel.inv_dt";
    auto& stored = f.tensors["param." + name];
    stored = at::log(at::expm1(at::exp(stored.to(at::kDouble)))).to(at::kFloat);
    f.drop("grad.param." + name);
  }
}

void norm_by_scalars(ChangedFixture& f) {
  for (const std::string layer : {"0", "1"}) {
    f.drop("param.layers." + layer + ".norm."), f.drop("grad.param.layers." + layer + ".norm.");
    f.tensors["param.layers." + layer + ".norm.norm.m"] = at::zeros({1});
    f.tensors["param.layers." + layer + ".norm.norm.s"] = at::ones({1});
  }
}

/// Two documents a sample, all first ones before all second ones; the answer is that of the first alone. Its first
/// `classes` logits z, without biases, come out of the decoder's last map.
at::Tensor make_pairs(ChangedFixture& f, std::int64_t classes) {
  const auto x = f.tensors.at("in.x");
  f.tensors["in.x"] = at::cat({x, x});
  const auto z = f.tensors.at("out.y") - f.tensors.at("param.decoder.bias");
  f.configure("n_classes", classes);
  return z.narrow(1, 0, classes);
}

/// [f(z), f(-z)] of the activation f, added up.
void read_pairs(ChangedFixture& f, const std::string& activation) {
  const auto z = make_pairs(f, 4);
  f.configure("decoder", {{"_name_", "retrieval"}, {"mode", "pool"}, {"activation", activation}});
  const auto map = f.tensors.at("param.decoder.weight").narrow(0, 0, 4);
  f.drop("param.decoder.");
  f.tensors["param.decoder.retrieval.classifier.0.weight"] = at::cat({at::cat({map, -map}), at::zeros({8, 24})}, 1);
  f.tensors["param.decoder.retrieval.classifier.0.bias"] = at::zeros({8});
  f.tensors["param.decoder.retrieval.classifier.2.weight"] = at::cat({at::eye(4), at::eye(4)}, 1);
  f.tensors["param.decoder.retrieval.classifier.2.bias"] = at::zeros({4});
  expect_output(f, activation == "relu" ? z.abs() : z * at::erf(z / std::sqrt(2.0)));
}

/// relu(z) - relu(-z) through one hidden layer more, of the documents side by side.
void read_joined_pairs(ChangedFixture& f) {
  const auto z = make_pairs(f, 2);
  const auto map = f.tensors.at("param.decoder.weight").narrow(0, 0, 2);
  f.drop("param.decoder.");
  f.tensors["param.decoder.classifier.0.weight"] =
      at::constant_pad_nd(at::cat({map, -map}), {0, 8, 0, 4});  // [8, 16]: reads the first document
  f.tensors["param.decoder.classifier.0.bias"] = at::zeros({8});
  f.tensors["param.decoder.classifier.2.weight"] = at::eye(4, 8);
  f.tensors["param.decoder.classifier.2.bias"] = at::zeros({4});
  f.tensors["param.decoder.classifier.4.weight"] = at::cat({at::eye(2), -at::eye(2)}, 1);
  f.tensors["param.decoder.classifier.4.bias"] = at::zeros({2});
  expect_output(f, z);
}

const std::string kPostnorm = "state_space/s4_lra_postnorm_ln", kPrenorm = "state_space/s4_lra_prenorm_bn";

const Case kClassifier[] = {
    {"sum", kPostnorm, pool_by_sum},
    {"mode of the decoder", kPrenorm, configured("decoder", {{"_name_", "sequence"}, {"mode", "pool"}})},
    {"last step", kPrenorm, configured("decoder", "last"), false},
    {"tokens", kPostnorm, read_tokens},
    {"lengths", kPostnorm, pad_rows},
    {"full lengths", kPrenorm, [](auto& f) { f.tensors["in.lengths"] = at::full({3}, 60, at::kLong); }},
    {"lengths are read", kPrenorm, call_the_end_padding, false},
    {"options of the kernel", kPostnorm, store_steps_for_softplus},
    {"activation is read", kPostnorm, configured("activation", "relu"), false},
    {"scalar norm", kPostnorm, norm_by_scalars, false},  // it is built, and is another function
    {"output map of the decoder", kPostnorm,
     [](auto& f) {
       rename(f, "decoder.weight", "decoder.output_transform.weight");
       rename(f, "decoder.bias", "decoder.output_transform.bias");
     }},
    {"pairs gelu", kPostnorm, [](auto& f) { read_pairs(f, "gelu"); }},
    {"pairs relu", kPostnorm, [](auto& f) { read_pairs(f, "relu"); }},
    {"pairs joined", kPostnorm, read_joined_pairs},
};

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  auto name = info.param.name;
  for (auto& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Attention, LayerFixtureOptions, ::testing::ValuesIn(kAttention), name_of);
INSTANTIATE_TEST_SUITE_P(LinearAttention, LayerFixtureOptions, ::testing::ValuesIn(kLinearAttention), name_of);
INSTANTIATE_TEST_SUITE_P(Mamba2, LayerFixtureOptions, ::testing::ValuesIn(kMamba2), name_of);
INSTANTIATE_TEST_SUITE_P(Classifier, LayerFixtureOptions, ::testing::ValuesIn(kClassifier), name_of);

// --- options that change every output

/// The outputs of two reports are not those of the fixture, but they differ from them by the same.
void expect_equal_errors(const FixtureReport& one, const FixtureReport& other) {
  EXPECT_EQ(one.failed + other.failed, "");
  ASSERT_EQ(one.compared.size(), other.compared.size());
  for (std::size_t i = 0; i < one.compared.size(); ++i)
    EXPECT_NEAR(one.compared[i].error, other.compared[i].error, 1e-5 * (1 + other.compared[i].error))
        << one.compared[i].name;
}

class ChangedOutputs : public ChangedFixture {};

TEST_F(ChangedOutputs, AlibiIsAMaskOfDistances) {
  load("attention/softmax_causal");
  drop("grad.");
  tensors["in.attn_mask"] = distances_by_slopes(-1);
  const auto masked = run();
  EXPECT_FALSE(masked.ok());
  drop("in.attn_mask");
  configure("alibi", true);
  expect_equal_errors(run(), masked);
}

// --- biases that are zero and biases that are not there

class WithoutBiases : public ChangedFixture, public ::testing::WithParamInterface<std::string> {};

TEST_P(WithoutBiases, GiveWhatZerosGive) {
  load(GetParam());
  drop("grad.");
  for (auto& [name, tensor] : tensors)
    if (name.ends_with(".bias")) tensor.zero_();
  const auto zero = run();
  std::erase_if(tensors, [](const auto& item) { return item.first.ends_with(".bias"); });
  expect_equal_errors(run(), zero);
}

INSTANTIATE_TEST_SUITE_P(Mixers, WithoutBiases,
                         ::testing::Values("attention/wave_softmax_arma", "attention/wave_linear_arma",
                                           "attention/wave_gla_arma", "attention/wave_aft_arma",
                                           "attention/zeros_causal_nonorm"),
                         [](const auto& info) { return info.param.substr(10); });

}  // namespace
}  // namespace longwave
