// The model that CONTRIBUTING.md shows is this one, and works.

#include <gtest/gtest.h>

#include <filesystem>

#include "longwave/base/atomic_file.h"
#include "tests/models/example_model.cpp"

namespace longwave {
namespace {

TEST(ExampleModel, IsWhatContributingShows) {
  const std::filesystem::path root = LONGWAVE_SOURCE_DIR;
  const auto shown = "```cpp\n" + read_file(root / "tests/models/example_model.cpp") + "```\n";
  EXPECT_NE(read_file(root / "CONTRIBUTING.md").find(shown), std::string::npos)
      << "copy tests/models/example_model.cpp into the code block of CONTRIBUTING.md";
}

TEST(ExampleModel, IsFoundByNameAndForecastsItsTargets) {
  const auto& info = find_forecaster("drift");
  const ForecastSizes sizes{.lookback = 5, .horizon = 3, .channels = 2, .targets = 1};
  const auto model = info.make(sizes, info.resolve({{"start", {0.5, "test"}}}, "model", false), 1);
  ForecastInput in;
  in.x = at::stack({at::zeros({5}), at::arange(5, at::kFloat)}, 1).unsqueeze(0);  // the target rises by 1 a step
  const auto forecast = model->forward(in).forecast;
  ASSERT_EQ(forecast.sizes(), (std::vector<std::int64_t>{1, 3, 1}));
  EXPECT_FLOAT_EQ(forecast[0][2][0].item<float>(), 4 + 0.5f * 3);
  forecast.sum().backward();
  EXPECT_FLOAT_EQ(model->state().at("factor").grad().item<float>(), 1 + 2 + 3);
}

}  // namespace
}  // namespace longwave
