#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

/// Which rows train, which validate and which test (section "Split" of docs on data).
enum class Protocol {
  ett_hour,    // 12 / 4 / 4 months of 30 days of hours; later rows are not used
  ett_minute,  // the same in quarters of an hour
  custom,      // 70 / 10 / 20 %
  solar,       // 70 / 10 / 20 %, the validation part rounded down
  pems,        // 60 / 20 / 20 %, no overlap of the parts; first feature of [time, sensors, 3]
};

/// A data set of the forecasting literature (or a part of one).
struct DataSet {
  std::string name;
  std::vector<std::string> aliases;
  Protocol protocol;
  std::vector<std::string> folders;  // where it customarily lies under the root; the root itself is always tried
  std::vector<std::string> files;    // names it customarily has, without .gz or .xz
  bool header = true;                // the first line names the columns
  bool dates = true;
  std::int64_t rows = 0, columns = 0;  // of the complete file; 0 = not known
  std::string about;
  std::string url;     // public address of the plain file; "" = none known
  std::string source;  // without an address: where the file is to be had
  std::string sha256;  // of what the address gives; "" = not known
};

const std::vector<DataSet>& catalog();

/// The set of that name or alias in any case, else nullptr.
const DataSet* find_data_set(const std::string& name);

/// The set whose customary file name `path` has (also with .gz or .xz), else nullptr.
const DataSet* data_set_of_file(const std::filesystem::path& path);

/// Every place under the roots where the set may lie, in the order tried.
std::vector<std::filesystem::path> places_of(const DataSet& set, const std::vector<std::filesystem::path>& roots);

/// The first of those places where there is a file, or "" .
std::filesystem::path locate(const DataSet& set, const std::vector<std::filesystem::path>& roots);

/// One line for each set: folders in which it is looked for, then names of its file.
std::string expected_tree();

}  // namespace longwave
