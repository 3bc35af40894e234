#include "longwave/data/find_data.h"

#include <cmath>
#include <cstdlib>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/data/forecast_data.h"
#include "longwave/io/npy.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

bool is_path(const std::string& data) {
  std::error_code ignored;
  return data.find('/') != std::string::npos || fs::path(data).has_extension() || fs::is_regular_file(data, ignored);
}

[[noreturn]] void refuse_name(const std::string& data) {
  std::vector<std::string> names;
  for (const auto& set : catalog()) names.push_back(set.name);
  fail("no data set is called '", data, "' (a path to a CSV file works as well)", suggestion(data, names));
}

[[noreturn]] void refuse_absence(const DataSet& set, const std::vector<fs::path>& roots) {
  std::vector<std::string> tried;
  for (const auto& root : roots) tried.push_back(root.string());
  const auto place = roots.front() / set.folders[0] / set.files[0];
  fail("data set ", set.name, " not found under ", join(tried), "; expected for example ", place.string(), "; ",
       set.url.empty() ? "source: " + set.source + "; put the file there"
                       : "`longwave data get " + set.name + "` downloads it",
       ", or say where it is with --data DIR or LONGWAVE_DATA");
}

/// Feature 0 of `data` [time, sensors, features], as a table.
CsvTable read_pems(const fs::path& path) {
  auto array = read_npy(path, "data");
  check(array.shape.size() == 3 && array.shape[0] > 0 && array.shape[1] > 0 && array.shape[2] > 0, path.string(),
        ": array data has ", array.shape.size(), " dimensions; expected [time, sensors, features], none of them empty");
  CsvTable table;
  table.path = path.string();
  table.rows = array.shape[0];
  table.first_line = 1;
  for (std::int64_t i = 0; i < array.shape[1]; ++i) table.columns.push_back("sensor" + std::to_string(i));
  table.values.reserve(static_cast<std::size_t>(table.rows * table.width()));
  for (std::size_t i = 0; i < array.values.size(); i += static_cast<std::size_t>(array.shape[2])) {
    const auto cell = static_cast<std::int64_t>(table.values.size());
    if (std::isnan(array.values[i]))
      table.missing.push_back({cell / table.width(), cell % table.width(), cell / table.width() + 1});
    table.values.push_back(array.values[i]);
  }
  return table;
}

}  // namespace

FoundData find_data(const std::string& data, const std::vector<fs::path>& roots) {
  check(!data.empty(), "no data named; expected a data set (see `longwave data list`) or a path to a CSV file");
  if (const auto* set = find_data_set(data)) {
    const auto path = locate(*set, roots);
    if (path.empty()) refuse_absence(*set, roots);
    return {path, set};
  }
  if (!is_path(data)) refuse_name(data);
  std::error_code ignored;
  check(fs::exists(data, ignored), data, ": no such file");
  return {data, data_set_of_file(data)};
}

CsvTable read_data(const FoundData& found, CsvOptions::Missing missing) {
  if (found.path.extension() == ".npz" || found.path.extension() == ".npy") {
    auto table = read_pems(found.path);
    const bool filled_later = found.set && found.set->protocol == Protocol::pems;
    if (missing == CsvOptions::Missing::refuse && !filled_later && !table.missing.empty()) {
      const auto& first = table.missing.front();
      fail(table.path, ": array data is NaN at time ", first.row, ", sensor ", first.column, " (", table.missing.size(),
           " such cells); expected numbers; fill them before, the PEMS sets alone have a rule for that");
    }
    return table;
  }
  CsvOptions options;
  options.missing = missing;
  if (found.set) {
    options.header = found.set->header ? CsvOptions::Header::yes : CsvOptions::Header::no;
    options.no_dates = !found.set->dates;
  }
  return read_csv(found.path, options);
}

std::vector<fs::path> data_roots(const fs::path& given) {
  if (!given.empty()) return {given};
  const char* set = std::getenv("LONGWAVE_DATA");
  return {set && *set ? fs::path(set) : fs::path("data")};
}

}  // namespace longwave
