// Fixtures of the data layer: the forecasting protocol on a file, and the recursion of the synthetic family.

#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>
#include <set>

#include "longwave/base/check.h"
#include "longwave/data/catalog.h"
#include "longwave/data/forecast_data.h"
#include "longwave/data/synthetic_var.h"
#include "longwave/io/checksum.h"
#include "longwave/io/text_source.h"
#include "longwave/models/fixture.h"

namespace longwave {
namespace {

constexpr double kRounding = 2e-5;
constexpr std::int64_t kDay = 24;  // period of the seasonal naive forecast in the fixtures

/// "512_96" of "out.512_96.test.first.x".
struct WindowSizes {
  std::string text;
  std::int64_t lookback, horizon;
};

std::vector<WindowSizes> window_sizes(const Fixture& fixture) {
  std::set<std::string> texts;
  for (const auto& [name, tensor] : fixture.with_prefix("out.")) texts.insert(name.substr(0, name.find('.')));
  std::vector<WindowSizes> sizes;
  for (const auto& text : texts) {
    std::int64_t lookback = 0, horizon = 0;
    if (std::sscanf(text.c_str(), "%ld_%ld", &lookback, &horizon) == 2) sizes.push_back({text, lookback, horizon});
  }
  check(!sizes.empty(), fixture.path, ": no tensor out.<lookback>_<horizon>.*");
  return sizes;
}

/// Rows [begin, begin + count) of one part, [count, width].
at::Tensor rows(const std::vector<float>& values, std::int64_t width, std::int64_t begin, std::int64_t count) {
  auto* data = const_cast<float*>(values.data() + begin * width);  // the clone only reads
  return at::from_blob(data, {count, width}, at::kFloat).clone();
}

/// MSE and MAE over all windows of a part where step t of the horizon is forecast as the value `age(t)` steps before
/// the horizon begins.
at::Tensor naive_scores(const ForecastData& data, const SeriesPart& part,
                        const std::function<std::int64_t(std::int64_t)>& age) {
  const auto c = data.channels();
  double squares = 0, absolutes = 0;
  const auto windows = part.rows - data.lookback - data.horizon + 1;
  for (std::int64_t first = data.lookback; first < data.lookback + windows; ++first)
    for (std::int64_t t = 0; t < data.horizon; ++t)
      for (std::int64_t j = 0; j < c; ++j) {
        const double truth = part.values[(first + t) * c + j], forecast = part.values[(first - age(t)) * c + j];
        squares += (truth - forecast) * (truth - forecast);
        absolutes += std::abs(truth - forecast);
      }
  const auto count = static_cast<double>(windows * data.horizon * c);
  return at::tensor({squares / count, absolutes / count}, at::kDouble);
}

at::Tensor window_tensor(const ForecastData& data, const SeriesPart& part, std::int64_t begin,
                         const std::string& what) {
  const bool target = what.starts_with("y"), mark = what.ends_with("_mark");
  return rows(mark ? part.marks : part.values, mark ? data.time_features : data.channels(),
              target ? begin + data.lookback : begin, target ? data.horizon : data.lookback);
}

/// The result of ours that "<split>.<first|last>.<x|y|x_mark|y_mark>", "<split>.num_windows" or "naive_*" asks for.
at::Tensor protocol_result(const ForecastData& data, const std::string& name) {
  if (name == "naive_last") return naive_scores(data, data.test, [](std::int64_t) { return 1; });
  if (name == "naive_day") return naive_scores(data, data.test, [](std::int64_t t) { return kDay - t % kDay; });
  for (const auto& [word, split] : {std::pair{"train", Split::train}, {"val", Split::val}, {"test", Split::test}}) {
    const std::string prefix = word + std::string(".");
    if (!name.starts_with(prefix)) continue;
    const auto rest = name.substr(prefix.size());
    if (rest == "num_windows") return at::tensor({data.windows(split)}, at::kLong);
    for (const auto& [place, begin] : {std::pair{"first.", std::int64_t{0}}, {"last.", data.windows(split) - 1}})
      if (rest.starts_with(place))
        return window_tensor(data, data.part(split), begin, rest.substr(std::string(place).size()));
  }
  return {};
}

void compare_protocol(const Fixture& fixture, const ForecastData& data, const std::string& prefix,
                      FixtureReport& report) {
  for (const auto& [name, expected] : fixture.with_prefix(prefix)) {
    const auto got = protocol_result(data, name);
    if (got.defined())
      report.compare(prefix + name, got, expected, kRounding);
    else
      report.not_compared.push_back(prefix + name);
  }
}

void run_protocol(const Fixture& fixture, const FixtureOptions& options, FixtureReport& report) {
  const auto name = std::filesystem::path(fixture.metadata("source_file")).stem().string();
  const auto roots = data_roots(options.data);
  const auto* set = find_data_set(name);
  check(set, fixture.path, ": source_file is '", fixture.metadata("source_file"), "'; expected a data set known here");
  if (locate(*set, roots).empty()) {
    report.skipped = "needs " + name + " (--data FOLDER, or LONGWAVE_DATA)";
    return;
  }
  std::optional<ForecastData> data;
  for (const auto& size : window_sizes(fixture)) {
    ForecastDataOptions wanted;
    wanted.data = name;
    wanted.lookback = size.lookback;
    wanted.horizon = size.horizon;
    data = load_forecast_data(wanted, roots);
    const auto sum = fixture.metadata("csv_sha256");
    if (!sum.empty() && sum != data->sha256 && sum != sha256_of(read_text(data->path))) {  // packed or unpacked
      report.skipped = "made from another version of " + data->path.string();
      return;
    }
    compare_protocol(fixture, *data, "out." + size.text + ".", report);
  }
  for (const auto& [what, ours] : {std::pair{"mean", &data->mean}, {"std", &data->std}})
    if (const auto key = std::string("out.scaler.") + what; fixture.has(key))
      report.compare(key, at::tensor(*ours, at::kDouble), fixture.tensor(key), 1e-9);
}

void run_synthetic_var(const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
  for (int i = 0; fixture.has("in." + std::to_string(i) + ".init"); ++i) {
    const auto in = "in." + std::to_string(i) + ".", out = "out." + std::to_string(i) + ".series";
    const auto part = [&](const char* name) { return fixture.tensor(in + name).to(at::kDouble).contiguous(); };
    const auto init = part("init"), matrices = part("matrices"), noise = part("noise"), expected = fixture.tensor(out);
    const auto order = init.size(0), channels = init.size(1), steps = order + noise.size(0);
    check(matrices.numel() == order * channels * channels && noise.size(1) == channels, fixture.path, ": ", in,
          "matrices or noise do not fit init");
    std::vector<float> series(static_cast<std::size_t>(steps * channels));
    run_var(init.data_ptr<double>(), matrices.data_ptr<double>(), noise.data_ptr<double>(), order, steps, channels,
            series.data());
    report.compare(out, rows(series, channels, 0, steps), expected, kRounding);
  }
}

const RegisterFixtureCheck protocol({[](const Fixture& f) { return f.system_id == "data_protocol"; }, run_protocol});
const RegisterFixtureCheck synthetic({[](const Fixture& f) { return f.system_id == "synthetic_var"; },
                                      run_synthetic_var});

}  // namespace
}  // namespace longwave
