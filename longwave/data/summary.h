#pragma once

#include <string>
#include <vector>

#include "longwave/data/find_data.h"

namespace longwave {

/// What `longwave data check` says of one file.
struct DataSummary {
  std::string name, path, sha256;
  std::int64_t rows = 0, columns = 0, missing = 0;
  std::vector<std::string> constant;             // columns of one value
  std::string first_date, last_date, frequency;  // "" where there are no dates
  std::vector<std::string> remarks;              // sentinels, gaps, double time stamps, other than the known size
};

/// Reads the whole file. UserError as read_data, but missing values and dates out of order are remarks here.
DataSummary summarize(const FoundData& found);

}  // namespace longwave
