#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

/// One labelled series of several channels.
struct TsSeries {
  std::int32_t label = 0;
  std::vector<float> values;  // [t, channels] row-major; NaN where missing
};

/// The series of a `.ts` file.
struct TsFile {
  std::string problem;               // @problemName
  std::int64_t channels = 0;         // the same in all series; their lengths may differ
  bool missing = false;              // some value is missing
  std::vector<std::string> classes;  // of @classLabel, in that order
  std::vector<TsSeries> series;
};

/// Reads a classification file of the UEA/UCR archive: lines of comment (#) and of header (@key value ...), then a line
/// a series after @data: the values of a channel parted by commas, channels and the class parted by colons; a missing
/// value is "?". Plain, .gz or .xz. UserError with file, line and column for what is no number, a class that the header
/// does not name, channels of unequal number or length, series with time stamps, or a header that does not hold.
/// Format: Bagnall et al. 2018, "The UEA multivariate time series classification archive".
TsFile read_ts(const std::filesystem::path& path);

/// The same from unpacked text in memory; `name` stands for the path in messages.
TsFile parse_ts(const std::string& text, const std::string& name);

}  // namespace longwave
