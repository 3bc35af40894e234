// The published protocol on ETTh1, against windows, statistics and naive scores of the reference loader.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "longwave/data/catalog.h"
#include "longwave/data/forecast_data.h"
#include "longwave/io/safetensors.h"
#include "tests/data/data_folder.h"

namespace longwave {
namespace {

class Protocol_ETTh1 : public testing::Test {
 protected:
  void SetUp() override {
    if (locate(*find_data_set("ETTh1"), test_data_roots()).empty())
      GTEST_SKIP() << "ETTh1 is not here; set LONGWAVE_DATA to a folder that has it";
  }

  template <class T>
  std::vector<T> golden(const std::string& name) const {
    const auto& view = fixture_.at(name);
    std::vector<T> values(static_cast<std::size_t>(view.count()));
    EXPECT_EQ(view.bytes, values.size() * sizeof(T)) << name;
    std::memcpy(values.data(), view.data, view.bytes);
    return values;
  }

  void expect_rows(const std::string& name, const std::vector<float>& all, std::int64_t width,
                   std::int64_t from) const {
    if (!fixture_.tensors().contains(name)) return;
    const auto expected = golden<float>(name);
    double worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(double{expected[i]} - all[static_cast<std::size_t>(from * width) + i]));
    EXPECT_LE(worst, 5e-7) << name;
  }

  void expect_windows(const ForecastData& data, const std::string& key) const {
    for (const auto& [split, name] : {std::pair{Split::train, "train"}, {Split::val, "val"}, {Split::test, "test"}}) {
      const auto& part = data.part(split);
      const auto prefix = key + "." + name + ".";
      EXPECT_EQ(data.windows(split), golden<std::int64_t>(prefix + "num_windows")[0]);
      for (const auto& [side, from] : {std::pair{"first.", std::int64_t{0}}, {"last.", data.windows(split) - 1}}) {
        expect_rows(prefix + side + "x", part.values, data.channels(), from);
        expect_rows(prefix + side + "y", part.values, data.channels(), from + data.lookback);
        expect_rows(prefix + side + "x_mark", part.marks, data.time_features, from);
        expect_rows(prefix + side + "y_mark", part.marks, data.time_features, from + data.lookback);
      }
    }
  }

  /// MSE and MAE of repeating the value `period` rows back from every target's last known copy.
  static std::pair<double, double> naive(const ForecastData& data, std::int64_t period) {
    const auto& test = data.test;
    const auto width = data.channels();
    double squares = 0, sizes = 0, count = 0;
    for (std::int64_t window = 0; window < data.windows(Split::test); ++window)
      for (std::int64_t step = 0; step < data.horizon; ++step)
        for (std::int64_t c = 0; c < width; ++c) {
          const auto last = window + data.lookback;
          const auto known = last - period + step % period;
          const auto error = double{test.values[static_cast<std::size_t>((last + step) * width + c)]} -
                             test.values[static_cast<std::size_t>(known * width + c)];
          squares += error * error, sizes += std::abs(error), ++count;
        }
    return {squares / count, sizes / count};
  }

  void check_case(std::int64_t lookback, std::int64_t horizon) const {
    ForecastDataOptions options;
    options.data = "ETTh1";
    options.lookback = lookback;
    options.horizon = horizon;
    const auto data = load_forecast_data(options, test_data_roots());
    const auto key = "out." + std::to_string(lookback) + "_" + std::to_string(horizon);
    expect_windows(data, key);
    for (const auto& [name, period] : {std::pair{".naive_last", 1}, {".naive_day", 24}}) {
      const auto expected = golden<double>(key + name);
      const auto [mse, mae] = naive(data, period);
      EXPECT_NEAR(mse, expected[0], 1e-5) << name;
      EXPECT_NEAR(mae, expected[1], 1e-5) << name;
    }
    const auto mean = golden<double>("out.scaler.mean"), deviation = golden<double>("out.scaler.std");
    for (std::size_t c = 0; c < mean.size(); ++c) {
      EXPECT_NEAR(data.mean[c], mean[c], 1e-10);
      EXPECT_NEAR(data.std[c], deviation[c], 1e-10);
    }
    EXPECT_EQ(data.columns.back(), "OT");
    EXPECT_EQ(data.sha256, fixture_.metadata().at("csv_sha256"));
  }

  SafetensorsFile fixture_{std::filesystem::path(LONGWAVE_SOURCE_DIR) / "tests/golden/data_protocol_etth1.safetensors"};
};

TEST_F(Protocol_ETTh1, WindowsScalingMarksAndNaiveScoresAt96_96) { check_case(96, 96); }
TEST_F(Protocol_ETTh1, WindowsScalingMarksAndNaiveScoresAt512_96) { check_case(512, 96); }
TEST_F(Protocol_ETTh1, WindowsScalingMarksAndNaiveScoresAt1024_720) { check_case(1024, 720); }

}  // namespace
}  // namespace longwave
