#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longwave/io/byte_reader.h"
#include "longwave/io/parquet_metadata.h"

namespace longwave {

// Values of a page as text, numbers in digits. Encodings:
// https://parquet.apache.org/docs/file-format/data-pages/encodings

/// Cells of a table in memory, as many as the size of its file makes credible: a few bytes can claim any number of
/// them.
class ParquetCells {
 public:
  /// `file_size` in bytes; both must outlive the cells.
  ParquetCells(std::size_t file_size, const std::string& where);

  /// UserError unless that many more cells are credible.
  void expect(std::uint64_t count) const;
  void add(std::string cell);

  std::vector<std::string> cells;

 private:
  const std::string& where_;
  std::size_t left_;  // bytes
};

/// PLAIN.
void read_plain(ByteReader& in, ParquetType type, std::size_t count, ParquetCells& out);
/// RLE of truth values, with its length before it.
void read_run_booleans(ByteReader& in, std::size_t count, ParquetCells& out);
/// DELTA_BINARY_PACKED.
void read_delta_integers(ByteReader& in, ParquetType type, std::size_t count, ParquetCells& out);
/// DELTA_LENGTH_BYTE_ARRAY.
void read_delta_lengths(ByteReader& in, std::size_t count, ParquetCells& out);
/// DELTA_BYTE_ARRAY.
void read_delta_bytes(ByteReader& in, std::size_t count, ParquetCells& out);

/// Runs and packed groups of numbers of `width` bits (RLE), until there are `count`.
std::vector<std::uint32_t> read_runs(ByteReader& in, unsigned width, std::size_t count);

}  // namespace longwave
