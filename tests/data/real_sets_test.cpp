// Every published set that is here loads, with the rows and columns its sources state.
#include <gtest/gtest.h>

#include "longwave/data/catalog.h"
#include "longwave/data/dates.h"
#include "longwave/data/find_data.h"
#include "longwave/data/forecast_data.h"
#include "tests/data/data_folder.h"

namespace longwave {
namespace {

TEST(RealSets, HaveTheirKnownSizeAndLoad) {
  int seen = 0;
  for (const auto& set : catalog()) {
    if (locate(set, test_data_roots()).empty()) continue;
    SCOPED_TRACE(set.name);
    ++seen;
    const auto table = read_data(find_data(set.name, test_data_roots()));
    EXPECT_EQ(table.rows, set.rows);
    EXPECT_EQ(table.width(), set.columns);
    EXPECT_EQ(!table.dates.empty(), set.dates);
    ForecastDataOptions options;
    options.data = set.name;
    options.lookback = 36;
    options.horizon = 24;
    const auto data = load_forecast_data(options, test_data_roots());
    EXPECT_EQ(data.channels(), set.columns);
    EXPECT_GE(data.windows(Split::val), 1);
  }
  if (seen == 0) GTEST_SKIP() << "no published set is here; set LONGWAVE_DATA to a folder that has some";
}

TEST(RealSets, HaveTheirKnownFrequencyAndPeculiarities) {
  const std::pair<const char*, const char*> expected[] = {
      {"ETTh1", "hourly"},       {"ETTm1", "15 minutes"},        {"exchange_rate", "daily"},
      {"weather", "10 minutes"}, {"national_illness", "weekly"}, {"traffic_6ch", "hourly"}};
  for (const auto& [name, frequency] : expected) {
    if (locate(*find_data_set(name), test_data_roots()).empty()) GTEST_SKIP() << name << " is not here";
    const auto table = read_data(find_data(name, test_data_roots()));
    const auto axis = read_dates(table, DateOrder::any);
    EXPECT_EQ(axis.fit.calendar.name(), frequency) << name;
    EXPECT_EQ(axis.format.format(axis.instants[777]), table.dates[777]) << name;
    EXPECT_EQ(axis.fit.irregular > 0, std::string(name) == "weather") << name;
    if (std::string(name) == "exchange_rate") {
      EXPECT_EQ(axis.continued(1)[0], "2010/10/11 0:00");
    }
  }
}

}  // namespace
}  // namespace longwave
