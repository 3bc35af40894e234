#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "longwave/io/byte_reader.h"

namespace longwave {

// Numbers of the format: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift

enum class ParquetType { boolean, int32, int64, int96, real32, real64, bytes, fixed_bytes };
enum class ParquetCodec { none, snappy, gzip, lzo, brotli, lz4, zstd, lz4_raw };
enum class ParquetEncoding {
  plain = 0,
  plain_dictionary = 2,
  rle = 3,
  bit_packed = 4,
  delta_binary = 5,
  delta_length = 6,
  delta_bytes = 7,
  rle_dictionary = 8,
  byte_stream_split = 9
};
enum class ParquetPageType { data = 0, index = 1, dictionary = 2, data_v2 = 3 };

/// A column at the top of a table.
struct ParquetColumn {
  std::string name;
  std::string refusal;   // why it is not read; "": it is
  std::size_t leaf = 0;  // its number among the columns that are stored
  ParquetType type{};
  bool optional = false;
};

/// The values of a column in one group of rows.
struct ParquetChunk {
  std::string refusal;
  ParquetCodec codec{};
  std::int64_t values = 0, data_page = 0, dictionary_page = 0;  // pages by their place in the file; 0: none
};

struct ParquetRowGroup {
  std::int64_t rows = 0;
  std::vector<ParquetChunk> chunks;  // by the number of the leaf
};

/// What the end of a Parquet file says of the rest.
struct ParquetMetadata {
  std::vector<ParquetColumn> columns;
  std::vector<ParquetRowGroup> groups;
};

/// UserError that begins with the name of `in`.
ParquetMetadata read_parquet_metadata(ByteReader& in);

/// What stands before every page.
struct ParquetPageHeader {
  std::int64_t type = -1, size = -1, packed_size = -1;  // ParquetPageType; bytes
  std::int64_t checksum = -1;                           // CRC-32; -1: none
  std::int64_t values = -1, encoding = -1;              // empty ones included; ParquetEncoding
  std::int64_t levels_encoding = 3;
  std::int64_t levels_size = 0, repeats_size = 0;  // bytes; of data_v2
  bool packed = true;
};

/// UserError as above.
ParquetPageHeader read_parquet_page_header(ByteReader& in);

}  // namespace longwave
