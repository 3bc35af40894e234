#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "longwave/data/catalog.h"
#include "longwave/io/csv.h"

namespace longwave {

/// A file of data and what is known of it.
struct FoundData {
  std::filesystem::path path;
  const DataSet* set = nullptr;  // null for a file of the user's own
};

/// `data` is a name of the catalog, looked for under `roots`, or the path of a file; a file with the customary name of
/// a known set ("ETTh1.csv") is that set. UserError with the places tried and how to get the set.
FoundData find_data(const std::string& data, const std::vector<std::filesystem::path>& roots);

/// Reads it as the table that it is: header or none, dates or none, NumPy archive. Missing values are refused, except
/// in PEMS sets or where `missing` says so.
CsvTable read_data(const FoundData& found, CsvOptions::Missing missing = CsvOptions::Missing::refuse);

}  // namespace longwave
