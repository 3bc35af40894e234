#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace longwave {

/// A table whose file keeps it column by column: Apache Parquet or Arrow.
class ColumnarTable {
 public:
  virtual ~ColumnarTable() = default;

  /// Names of all columns, also of those that are not read.
  virtual std::vector<std::string> columns() const = 0;
  /// The values of a column as a CSV file has them: texts as they are, numbers in digits, truth as 0 and 1. UserError
  /// with the file and the column where it is damaged, has no value in a row or holds something else (lists, dates).
  virtual std::vector<std::string> cells(std::size_t column) const = 0;
};

/// Whether a file that begins like this, or has a name like this, is such a table.
bool is_columnar(std::string_view bytes, const std::string& name);

/// The table in bytes that outlive it; `name` stands for the path in messages. UserError if they are no such table or
/// damaged.
std::unique_ptr<ColumnarTable> parse_columnar(std::string_view bytes, const std::string& name);

}  // namespace longwave
