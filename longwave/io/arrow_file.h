#pragma once

#include <cstdint>

#include "longwave/io/columnar.h"

namespace longwave {

class FlatTable;

/// A table in Arrow's format for files or streams, https://arrow.apache.org/docs/format/Columnar.html: columns of
/// texts, numbers and truth values, in any number of batches.
class ArrowTable final : public ColumnarTable {
 public:
  /// Of bytes that outlive it; `name` stands for the path in messages.
  ArrowTable(std::string_view bytes, std::string name);

  std::vector<std::string> columns() const override;
  std::vector<std::string> cells(std::size_t column) const override;

 private:
  enum class Kind { text, large_text, integer, natural, real, truth };
  struct Column {
    std::string name, refusal;  // why it is not read
    Kind kind{};
    std::size_t width = 0;             // bytes of a number
    std::size_t node = 0, buffer = 0;  // where it is in the lists of a batch
  };
  struct Batch {
    std::int64_t rows = 0;
    std::string nodes, buffers;  // pairs of 64-bit numbers: length and empty values, offset and length
    std::string_view body;
    bool packed = false;  // its buffers are
  };

  void read_schema(const FlatTable& schema);
  void read_batch(const FlatTable& batch, std::string_view body);
  static std::string number_at(std::string_view bytes, std::int64_t i, Kind kind, std::size_t width);
  static Column column_of(const FlatTable& field);
  /// A buffer of a batch, which must have at least that many bytes.
  static std::string_view buffer(const Batch& batch, std::size_t number, std::uint64_t size, const std::string& where);
  static void add_cells(const Batch& batch, const Column& column, const std::string& where,
                        std::vector<std::string>& out);

  std::string name_;
  std::vector<Column> columns_;
  std::vector<Batch> batches_;
};

}  // namespace longwave
