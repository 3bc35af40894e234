#include "longwave/data/forecast_data.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/data/catalog.h"
#include "longwave/data/dates.h"
#include "longwave/data/find_data.h"
#include "longwave/data/split.h"
#include "longwave/io/checksum.h"
#include "longwave/io/csv.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

/// One channel order and scaling for the whole file.
struct Channels {
  std::vector<std::int64_t> order;  // column of the file for every channel
  std::int64_t targets;
};

Channels choose_channels(const CsvTable& table, const ForecastDataOptions& options) {
  const auto& names = table.columns;
  const auto width = table.width();
  const auto found = std::find(names.begin(), names.end(), options.target) - names.begin();
  check(found < width || options.target == ForecastDataOptions().target, table.path, ": no column called ",
        options.target, suggestion(options.target, names));
  const auto target = std::min<std::int64_t>(found, width - 1);
  if (options.features == "S") return {{target}, 1};
  check(options.features == "M" || options.features == "MS", "features is '", options.features,
        "'; expected M (all in, all out), S (the target alone) or MS (all in, the target out)");
  std::vector<std::int64_t> order(static_cast<std::size_t>(width));
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + target);
  order.push_back(target);
  return {order, options.features == "MS" ? 1 : width};
}

/// Mean and population standard deviation of the first `rows` rows of one column; missing values do not count.
std::pair<double, double> statistics(const CsvTable& table, std::int64_t column, std::int64_t rows) {
  const auto at = [&](std::int64_t row) {
    return table.values[static_cast<std::size_t>(row * table.width() + column)];
  };
  double sum = 0, squares = 0, count = 0;
  for (std::int64_t row = 0; row < rows; ++row)
    if (!std::isnan(at(row))) sum += at(row), ++count;
  check(count > 0, table.path, ": column '", table.columns[static_cast<std::size_t>(column)],
        "' has no value in the rows to train on");
  const auto mean = sum / count;
  for (std::int64_t row = 0; row < rows; ++row)
    if (!std::isnan(at(row))) squares += (at(row) - mean) * (at(row) - mean);
  const auto deviation = std::sqrt(squares / count);
  const bool constant = deviation <= 1e-12 * std::abs(mean);  // what rounding alone leaves of a constant column
  return {mean, deviation == 0 || constant ? 1 : deviation};
}

/// Standardised values of the channels, [rows, channels].
std::vector<float> scale(const CsvTable& table, const Channels& channels, ForecastData& data, std::int64_t train_rows) {
  for (const auto column : channels.order) {
    const auto [mean, deviation] = statistics(table, column, train_rows);
    data.columns.push_back(table.columns[static_cast<std::size_t>(column)]);
    data.mean.push_back(mean);
    data.std.push_back(deviation);
  }
  std::vector<float> scaled;
  scaled.reserve(static_cast<std::size_t>(table.rows) * channels.order.size());
  for (std::int64_t row = 0; row < table.rows; ++row)
    for (std::size_t c = 0; c < channels.order.size(); ++c) {
      const auto value = table.values[static_cast<std::size_t>(row * table.width() + channels.order[c])];
      scaled.push_back(static_cast<float>((value - data.mean[c]) / data.std[c]));
    }
  return scaled;
}

/// Missing values take the last value before them, those at the start the first after them.
void fill_missing(std::vector<float>& values, std::size_t width) {
  for (auto i = width; i < values.size(); ++i)
    if (std::isnan(values[i])) values[i] = values[i - width];
  for (auto i = values.size(); i-- > 0;)
    if (std::isnan(values[i])) values[i] = i + width < values.size() ? values[i + width] : 0;
}

std::vector<float> calendar_features(const CsvTable& table, const FoundData& found, const std::string& freq) {
  if (table.dates.empty()) return std::vector<float>(static_cast<std::size_t>(table.rows * calendar_width(freq)), 0.0f);
  // The published sets are taken as they are: weather has one time stamp twice.
  const auto dates = read_dates(table, found.set ? DateOrder::any : DateOrder::strict);
  std::vector<float> marks;
  marks.reserve(static_cast<std::size_t>(table.rows * calendar_width(freq)));
  for (const auto instant : dates.instants) append_calendar(instant, freq, marks);
  return marks;
}

SeriesPart cut(const std::vector<float>& values, const std::vector<float>& marks, const Rows& rows,
               const ForecastData& data) {
  const auto slice = [&](const std::vector<float>& all, std::int64_t width) {
    return std::vector<float>(all.begin() + rows.begin * width, all.begin() + rows.end * width);
  };
  return {slice(values, data.channels()), slice(marks, data.time_features), rows.count(), rows.begin};
}

}  // namespace

ForecastData load_forecast_data(const ForecastDataOptions& options, const std::vector<fs::path>& roots) {
  const auto found = find_data(options.data, roots);
  const auto protocol = found.set ? found.set->protocol : Protocol::custom;
  const auto table = read_data(found);
  const auto borders = split_rows(protocol, table.rows, options.lookback, options.horizon, table.path);
  const auto channels = choose_channels(table, options);
  ForecastData data;
  data.name = found.set ? found.set->name : found.path.stem().string();
  data.path = found.path;
  data.sha256 = sha256_of_file(found.path);
  data.targets = channels.targets;
  data.time_features = calendar_width(options.freq);
  data.lookback = options.lookback;
  data.horizon = options.horizon;
  auto values = scale(table, channels, data, borders.train.end);
  if (protocol == Protocol::pems) fill_missing(values, data.columns.size());
  const auto marks = calendar_features(table, found, options.freq);
  data.train = cut(values, marks, borders.train, data);
  data.val = cut(values, marks, borders.val, data);
  data.test = cut(values, marks, borders.test, data);
  return data;
}

}  // namespace longwave
