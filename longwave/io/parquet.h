#pragma once

#include "longwave/io/columnar.h"
#include "longwave/io/parquet_metadata.h"

namespace longwave {

/// A table in Apache Parquet, https://parquet.apache.org/docs/file-format: columns of texts, numbers and truth values,
/// plain, by dictionary, in runs or by differences, packed by snappy, gzip, zstd or not at all.
class ParquetTable final : public ColumnarTable {
 public:
  /// Of bytes that outlive it; `name` stands for the path in messages.
  ParquetTable(std::string_view bytes, std::string name);

  std::vector<std::string> columns() const override;
  std::vector<std::string> cells(std::size_t column) const override;

 private:
  std::string_view bytes_;
  std::string name_;
  ParquetMetadata metadata_;
};

}  // namespace longwave
