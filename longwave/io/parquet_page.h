#pragma once

#include <string>
#include <string_view>

#include "longwave/io/byte_reader.h"
#include "longwave/io/parquet_metadata.h"

namespace longwave {

/// One page of a column, unpacked.
struct ParquetPage {
  /// The next page of `in`, whose bytes must outlive it. UserError where it is damaged or packed in a way that is not
  /// read.
  ParquetPage(ByteReader& in, ParquetCodec codec, bool optional);
  ParquetPage(const ParquetPage&) = delete;
  ParquetPage& operator=(const ParquetPage&) = delete;

  ParquetPageHeader header;
  std::string_view levels;  // of an optional column, 1 where a value is: runs, or bits where the header says so
  std::string_view values;

 private:
  std::string unpacked_;
};

}  // namespace longwave
