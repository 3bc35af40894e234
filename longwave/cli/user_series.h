#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "longwave/data/dates.h"
#include "longwave/train/auto_forecast.h"

namespace longwave {

/// A user's CSV file, ready to be forecast.
struct UserFile {
  UserSeries series;
  std::vector<std::string> past;    // [rows] dates as written, or row numbers 1, 2, ... if there are none
  std::vector<std::string> future;  // [horizon]
  std::string date_name;            // header of the date column; "step" if there is none
  std::string frequency;            // "hourly", ...; "" if there are no dates
  std::string remark;               // on dates that do not keep to it; "" if all do
  std::int64_t gaps = 0;            // steps between dates that are not one of it
  std::int64_t inserted = 0;        // rows that were absent
  std::int64_t filled = 0;          // missing cells that were filled, those of inserted rows included
  std::vector<TextColumn> left_out;
};

/// Reads the file, keeps the columns `targets` (all plainly numeric ones if empty), inserts absent rows and fills
/// missing cells by `missing` ("error" refuses them, naming the first) and continues the dates by `horizon` steps.
/// UserError with the place of any defect.
UserFile read_user_file(const std::filesystem::path& path, const std::vector<std::string>& targets,
                        const std::string& missing, std::int64_t horizon);

}  // namespace longwave
