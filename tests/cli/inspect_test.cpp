#include <gtest/gtest.h>

#include "longwave/cli/var_pictures.h"
#include "tests/support/forecast_fixture.h"

namespace longwave {
namespace {

using testing::ForecastFixture;

VarInspection inspect(const ForecastFixture& fixture, std::int64_t target) {
  ForecastInput in;
  in.x = fixture.at("in.x").narrow(0, 0, 1);
  auto result = inspect_window(*fixture.model, in, target, 16, 20);
  result.model = "SAMoVAR";
  result.channel = "a<b";
  result.truth = fixture.at("in.y")[0].select(1, target);
  return result;
}

TEST(Inspect, JsonHoldsTheWeightsOfTheReference) {
  const ForecastFixture fixture("samovar");
  const auto json = to_json(inspect(fixture, 1));
  const auto& expected = fixture.at("out.var.phi_last");
  const auto largest = expected.abs().max().item<double>();
  ASSERT_EQ(json["phi"].size(), 14u);
  for (int j = 0; j < 14; ++j)
    EXPECT_NEAR(json["phi"][j][2][3][5].get<double>(), expected[1][j][2][3][5].item<double>(), 2e-5 * largest) << j;
  EXPECT_EQ(json["tokens"][0].dump(), R"({"kind":"exogenous","segments_back":6})");
  EXPECT_EQ(json["tokens"][13].dump(), R"({"kind":"main","segments_back":0})");
  EXPECT_EQ(json["layers"].size(), 3u);
  EXPECT_EQ(json["paths"].size(), 20u);
  EXPECT_EQ(json["data_space"][0].size(), 16u);
}

TEST(Inspect, PageHoldsEveryPictureAndEscapesNames) {
  const ForecastFixture fixture("samovar");
  const auto page = inspection_page(inspect(fixture, 2));
  std::size_t pictures = 0;
  for (auto at = page.find("<svg xmlns"); at != std::string::npos; at = page.find("<svg xmlns", at + 1)) ++pictures;
  EXPECT_EQ(pictures, 5u);
  EXPECT_EQ(page.find("a<b"), std::string::npos);
  EXPECT_NE(page.find("a&lt;b"), std::string::npos);
}

TEST(Inspect, OtherModelsAreRefused) {
  const ForecastFixture fixture("lintrans");
  EXPECT_THROW(inspect(fixture, 0), UserError);
}

}  // namespace
}  // namespace longwave
