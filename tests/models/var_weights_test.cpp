#include "longwave/models/var_weights.h"

#include <gtest/gtest.h>

#include "tests/support/forecast_fixture.h"

namespace longwave {
namespace {

using testing::ForecastFixture;
using testing::relative_error;

TensorMap notes_of(const ForecastFixture& fixture) {
  TensorMap notes;
  fixture.model->eval();
  fixture.model->trace = &notes;
  const at::NoGradGuard no_grad;
  ForecastInput in;
  in.x = fixture.at("in.x");
  in.with_losses = true;
  fixture.model->forward(in);
  return notes;
}

class VarWeightsOf : public ::testing::TestWithParam<std::string> {};

TEST_P(VarWeightsOf, PhiOfTheLastTokenMatchesTheReference) {
  const ForecastFixture fixture(GetParam());
  const auto notes = notes_of(fixture);
  const auto trace = var_trace(notes);
  const auto weights = var_weights(trace, trace.tokens() - 1);
  if (fixture.has("out.var.phi_last")) {
    EXPECT_LT(relative_error(weights.phi.to(at::kFloat), fixture.at("out.var.phi_last")), 2e-5);
  }
}

TEST_P(VarWeightsOf, PhiAppliedToTheObservationsIsTheOutputOfEveryMainToken) {
  const ForecastFixture fixture(GetParam());
  const auto notes = notes_of(fixture);
  const auto trace = var_trace(notes);
  const auto h = trace.s.size(0), e = trace.s.size(1);
  const auto x = notes.at("var_input").to(at::kDouble).view({trace.series(), trace.tokens(), h, e});
  for (std::int64_t t = 1; t < trace.tokens(); t += 2) {
    const auto y = at::einsum("njhab,njhb->nha", {var_weights(trace, t).phi, x.narrow(1, 0, t + 1)});
    EXPECT_LT(relative_error(y.flatten(1), notes.at("final_in").select(1, t / 2).to(at::kDouble)), 2e-5) << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, VarWeightsOf,
                         ::testing::Values("samovar", "samovar_univariate", "samovar_fixedvar"));

/// A random trace of one series.
VarTrace random_trace(std::int64_t layers, std::int64_t tokens) {
  const auto options = at::TensorOptions(at::kDouble);
  return {at::randn({layers, 1, tokens, 2, 3}, options), at::randn({layers, 1, tokens, 2, 3}, options),
          at::randn({2, 3, 3}, options)};
}

TEST(InfluencePaths, AllPathsOfLHopsSumToLayerL) {
  const auto trace = random_trace(3, 5);
  const auto all = influence_paths(trace, 4, 1000);
  EXPECT_TRUE(all.complete);
  EXPECT_EQ(all.paths.size(), 5u + 15u + 35u);
  auto sums = at::zeros({3, 5, 2, 3, 3}, at::kDouble);
  for (const auto& path : all.paths)
    sums[path.tokens.size() - 2][path.tokens.back()] += path_matrix(trace, path.tokens);
  EXPECT_LT(relative_error(sums, var_weights(trace, 4).layers.select(1, 0)), 1e-12);
}

TEST(InfluencePaths, WeightIsTheNormOfTheShareInPhi) {
  const auto trace = random_trace(3, 6);
  for (const auto& path : influence_paths(trace, 3, 1000).paths) {
    const auto share = at::matmul(trace.s.transpose(1, 2), path_matrix(trace, path.tokens));
    EXPECT_NEAR(path.weight, share.norm().item<double>(), 1e-12 * path.weight);
    EXPECT_TRUE(std::is_sorted(path.tokens.rbegin(), path.tokens.rend()));
    EXPECT_EQ(path.tokens.front(), 3);
  }
}

TEST(InfluencePaths, StrongestFirstAndABeamSaysThatItIsOne) {
  const auto trace = random_trace(4, 8);
  const auto all = influence_paths(trace, 7, 10);
  ASSERT_EQ(all.paths.size(), 10u);
  EXPECT_TRUE(all.complete);
  for (std::size_t i = 1; i < all.paths.size(); ++i) EXPECT_GE(all.paths[i - 1].weight, all.paths[i].weight);
  const auto beam = influence_paths(trace, 7, 10, /*limit=*/20);
  EXPECT_FALSE(beam.complete);
  EXPECT_EQ(beam.paths.size(), 10u);
  EXPECT_LE(beam.paths.front().weight, all.paths.front().weight);
}

TEST(VarWeights, DataSpaceIsTheOutputMapOnBothSides) {
  const auto phi = at::randn({2, 2, 3, 3}, at::kDouble), w = at::randn({5, 6}, at::kDouble);
  const auto block = at::block_diag({phi[1][0], phi[1][1]});
  EXPECT_LT(relative_error(to_data_space(phi, w)[1], w.matmul(block).matmul(w.t())), 1e-12);
}

TEST(VarWeights, OtherModelsAreRefused) {
  const ForecastFixture fixture("lintrans");
  EXPECT_THROW(var_trace(notes_of(fixture)), UserError);
}

}  // namespace
}  // namespace longwave
