#include "longwave/models/fixture.h"

#include <gtest/gtest.h>

#include <cmath>

#include "longwave/base/atomic_file.h"
#include "tests/support/changed_fixture.h"

namespace longwave {
namespace {

/// linear.safetensors, if no other one is loaded.
class ChangedFixture : public testing::ChangedFixture {
 protected:
  void SetUp() override { load("linear"); }
};

TEST_F(ChangedFixture, AsItIsPassesAndComparesEverything) {
  const auto report = run();
  EXPECT_TRUE(report.ok()) << report.failed;
  EXPECT_TRUE(report.not_compared.empty());
  EXPECT_EQ(report.compared.size(), 5u);  // forecast, loss, gradients of input, weight and bias
}

TEST_F(ChangedFixture, OtherForecastFails) {
  tensors["out.pred"][1][2][3] += 1e-3;
  EXPECT_FALSE(run().ok());
  EXPECT_EQ(run().worst()->name, "out.pred");
}

TEST_F(ChangedFixture, OtherGradientFails) {
  tensors["grad.param.Linear.bias"].mul_(1.001);
  EXPECT_EQ(run().worst()->name, "grad.param.Linear.bias");
  EXPECT_FALSE(run().ok());
}

TEST_F(ChangedFixture, NotANumberFails) {
  tensors["out.pred"][0][0][0] = NAN;
  EXPECT_FALSE(run().ok());
}

TEST_F(ChangedFixture, ScaleOfTheQueriesIsRead) {
  load("state_space/gla_recurrent");
  for (const auto& name : {"grad.in.k", "grad.in.v", "grad.in.gk", "grad.in.h0", "out.y", "out.loss"})
    if (tensors.contains(name)) tensors[name].mul_(2);
  tensors["grad.in.q"].mul_(2);
  EXPECT_FALSE(run().ok());
  configure("scale", 2 / std::sqrt(static_cast<double>(tensors["in.q"].size(-1))));
  EXPECT_TRUE(run().ok()) << run().worst()->name;
}

TEST_F(ChangedFixture, LengthOfTheStoredOutputVectorIsThatOfTheBuffer) {
  load("state_space/s4_dplr_causal_lmax");
  configure("l_max", 1000);
  EXPECT_TRUE(run().ok());
  tensors["in.l_kernel"].fill_(1000);
  EXPECT_FALSE(run().ok());
}

TEST_F(ChangedFixture, KeysThatNothingReadsExplainAFailure) {
  load("state_space/mamba2_block");
  configure("use_mem_eff_path", true);
  EXPECT_TRUE(run().ok());
  EXPECT_NE(run().hint.find("use_mem_eff_path"), std::string::npos);
  EXPECT_EQ(run().hint.find("headdim"), std::string::npos);
  EXPECT_EQ(run().hint.find("d_model"), std::string::npos);
}

TEST_F(ChangedFixture, KeysThatNothingReadsOfAClassifier) {
  load("state_space/s4_lra_prenorm_bn");
  configure("warmup", 3);
  configure("decoder", {{"_name_", "sequence"}, {"mode", "pool"}, {"l_output", 0}});
  const auto report = run();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.hint, "keys of its config that are not read here: B, d_input, seed, warmup, decoder.l_output");
}

TEST_F(ChangedFixture, OptionsOfAClassifierThatAreNotKnownFail) {
  const std::string pools = "expected one of mean, max, sum, last, first, pool";
  for (const auto& [key, value, message] : std::vector<std::tuple<std::string, Json, std::string>>{
           {"pool", "cls", "config: pool is \"cls\"; " + pools},
           {"pooling", 3, "config: pooling is 3; " + pools},
           {"decoder", {{"mode", "ragged"}}, "config: decoder.mode is \"ragged\"; " + pools},
           {"decoder", "state", "config: decoder is \"state\"; " + pools + ", sequence, retrieval"},
           {"residual", "highway", "config: residual is \"highway\"; expected one of R, residual"},
           {"mode", "ragged", "s4_block: mixer.mode is \"ragged\""}}) {
    load("state_space/s4_lra_prenorm_bn");
    configure(key, value);
    const auto failed = run().failed;
    EXPECT_NE(failed.find(message), std::string::npos) << failed;
  }
}

TEST(FixtureReport, AnInfinityIsEqualToItselfAlone) {
  const auto infinity = std::numeric_limits<float>::infinity();
  const auto expected = at::tensor({-infinity, 2.0f});
  FixtureReport report;
  report.compare("same", at::tensor({-infinity, 2.0f}), expected, 1e-6);
  EXPECT_TRUE(report.ok());
  for (const auto& other : {at::tensor({infinity, 2.0f}), at::tensor({-infinity, 2.1f}), at::tensor({0.0f, 2.0f})}) {
    FixtureReport wrong;
    wrong.compare("other", other, expected, 1e-6);
    EXPECT_FALSE(wrong.ok());
  }
}

TEST_F(ChangedFixture, OtherShapeFailsAndSaysIt) {
  tensors["out.pred"] = tensors["out.pred"].slice(1, 0, 23).contiguous();
  EXPECT_EQ(run().worst()->name, "out.pred (is [2, 24, 4], expected [2, 23, 4])");
}

TEST_F(ChangedFixture, UnknownExpectationIsListed) {
  tensors["out.mid.tokens"] = at::ones({2});
  EXPECT_EQ(run().not_compared, std::vector<std::string>{"out.mid.tokens"});
}

TEST_F(ChangedFixture, OutputsThatNobodyComparesFail) {
  tensors["out.answer"] = tensors["out.pred"];
  auto report = run();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.not_compared, std::vector<std::string>{"out.answer"});
  for (auto it = tensors.begin(); it != tensors.end();)
    it = it->first.starts_with("out.") && it->first != "out.answer" ? tensors.erase(it) : std::next(it);
  report = run();
  EXPECT_FALSE(report.compared.empty());  // gradients
  EXPECT_EQ(report.failed, "none of its outputs could be compared");
}

TEST_F(ChangedFixture, ComparingNothingFails) {
  for (auto it = tensors.begin(); it != tensors.end();)
    it = it->first.starts_with("out.") || it->first.starts_with("grad.") ? tensors.erase(it) : std::next(it);
  EXPECT_EQ(run().failed, "nothing in it could be compared");
}

TEST_F(ChangedFixture, UnknownSystemIsSkipped) {
  metadata["system_id"] = "warp";
  EXPECT_EQ(run().skipped, "nothing here implements system_id 'warp'");
}

TEST_F(ChangedFixture, MissingWeightFails) {
  tensors.erase("param.Linear.bias");
  EXPECT_NE(run().failed.find("missing: Linear.bias"), std::string::npos) << run().failed;
}

TEST_F(ChangedFixture, WhatAMixerLacksIsSaidInTheWordsOfTheFile) {
  load("attention/softmax_causal");
  const auto config = metadata["config"];
  metadata["config"] = R"({"D": 32})";
  EXPECT_EQ(run().failed, path.string() + ": config in the metadata: key 'H' not found");
  metadata["config"] = config;
  tensors["in.x"] = tensors["in.x"].slice(2, 0, 8);
  EXPECT_EQ(run().failed.find(path.string() + ": its tensors do not fit: mat1 and mat2"), 0) << run().failed;
  tensors.erase("in.x");
  EXPECT_EQ(run().failed.find(path.string() + ": a tensor that fixtures of its system_id have is missing; stored are "
                                              "grad.in.x, grad.param.in_proj_bias"),
            0)
      << run().failed;
}

TEST_F(ChangedFixture, WeightsOfMoreLayersThanItsConfigHasFail) {
  load("state_space/s4_lra_prenorm_bn");
  configure("n_layers", 1);
  EXPECT_EQ(run().failed, "fixture: there are weights of layers.1, but n_layers is 1");
}

TEST_F(ChangedFixture, CopiesOfPolesAreThoseOfTheWeights) {
  for (const auto* name : {"s4_dplr_causal_lmax", "s4d_lin_bidir_nssm", "s4_lra_prenorm_bn"}) {
    load("state_space/" + std::string(name));
    auto without = config();
    without.erase("n_ssm");
    metadata["config"] = without.dump();
    EXPECT_TRUE(run().ok()) << name << ": " << run().failed;
  }
}

TEST_F(ChangedFixture, StatedToleranceCounts) {
  tensors["out.pred"] = tensors["out.pred"] * 1.001;
  metadata["tolerance"] = "0.01";
  EXPECT_TRUE(run().ok());
}

TEST_F(ChangedFixture, WhatTheReferenceLosesInFloat32WidensTheTolerance) {
  load("attention/softmax_causal");
  metadata["float32_error"] = R"({"worst_out": 1e-6, "worst_grad": 3e-4})";
  std::map<std::string, double> tolerance;
  for (const auto& comparison : run().compared) tolerance[comparison.name] = comparison.tolerance;
  EXPECT_DOUBLE_EQ(tolerance["out.y"], 1e-4);
  EXPECT_DOUBLE_EQ(tolerance["grad.in.x"], 6e-4);
  EXPECT_DOUBLE_EQ(tolerance["grad.in.x (float64)"], 1e-5);
}

TEST_F(ChangedFixture, TruncatedFileFailsInOneLine) {
  write_tensors(path, tensors, metadata);
  const auto bytes = read_file(path);
  write_file(path, bytes.substr(0, bytes.size() / 2));
  const auto report = run_fixture(path);
  EXPECT_FALSE(report.failed.empty());
  EXPECT_EQ(report.failed.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace longwave
