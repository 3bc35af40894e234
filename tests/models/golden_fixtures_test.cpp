// Every stored fixture of mixers, channel mixers and the operators behind them passes, and all that it expects is
// compared.

#include <gtest/gtest.h>

#include <algorithm>

#include "longwave/models/fixture.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> stored() {
  std::vector<fs::path> paths;
  for (const auto* folder : {"state_space", "attention"})
    for (const auto& entry : fs::directory_iterator(fs::path(LONGWAVE_SOURCE_DIR) / "tests" / "golden" / folder))
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

class GoldenFixture : public ::testing::TestWithParam<fs::path> {};

TEST_P(GoldenFixture, AgreesInAllThatItStores) {
  const auto report = run_fixture(GetParam());
  EXPECT_EQ(report.failed + report.skipped, "");
  EXPECT_TRUE(report.ok());
  for (const auto& part : report.compared) EXPECT_LE(part.error, part.tolerance) << part.name;
  EXPECT_TRUE(report.not_compared.empty()) << report.not_compared.front();
}

INSTANTIATE_TEST_SUITE_P(All, GoldenFixture, ::testing::ValuesIn(stored()), [](const auto& info) {
  return info.param.parent_path().filename().string() + "_" + info.param.stem().string();
});

}  // namespace
}  // namespace longwave
