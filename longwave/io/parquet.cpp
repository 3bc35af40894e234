#include "longwave/io/parquet.h"

#include "longwave/io/parquet_page.h"
#include "longwave/io/parquet_values.h"

namespace longwave {
namespace {

constexpr std::string_view kMagic = "PAR1", kEncrypted = "PARE";
constexpr std::size_t kFooter = 8;  // the size of the description, and the magic again

/// The values of one column, page after page.
class ColumnReader {
 public:
  ColumnReader(std::string_view bytes, const std::string& where, const ParquetColumn& column)
      : bytes_(bytes), where_(where), column_(column), out_(bytes.size(), where) {}

  void read(const ParquetChunk& chunk) {
    check(chunk.refusal.empty(), where_, " ", chunk.refusal, "; expected a file that holds its own data");
    if (chunk.values == 0) return;
    const bool has_dictionary = chunk.dictionary_page > 0 && chunk.dictionary_page < chunk.data_page;
    const auto start = has_dictionary ? chunk.dictionary_page : chunk.data_page;
    check(start > 0 && static_cast<std::size_t>(start) <= bytes_.size(), where_, ": damaged (pages at byte ", start,
          " of ", bytes_.size(), ")");
    ByteReader in(bytes_.substr(start), where_);
    ParquetCells dictionary(bytes_.size(), where_);
    for (auto left = chunk.values; left > 0;) {
      const ParquetPage page(in, chunk.codec, column_.optional);
      const auto kind = static_cast<ParquetPageType>(page.header.type);
      if (kind == ParquetPageType::dictionary) {
        ByteReader values(page.values, where_);
        dictionary.expect(page.header.values);
        read_plain(values, column_.type, page.header.values, dictionary);
      } else if (kind != ParquetPageType::index) {
        left -= page.header.values;
        check((kind == ParquetPageType::data || kind == ParquetPageType::data_v2) && left >= 0, where_,
              ": damaged (its pages are not those that the file describes)");
        out_.expect(page.header.values);
        check_levels(page);
        ByteReader values(page.values, where_);
        if (page.header.values > 0) read_values(values, page.header, dictionary.cells);
      }
    }
  }

  std::vector<std::string> take() { return std::move(out_.cells); }

 private:
  /// Every row must have a value.
  void check_levels(const ParquetPage& page) const {
    if (!column_.optional) return;
    ByteReader in(page.levels, where_);
    std::int64_t row = std::ssize(out_.cells);
    const auto encoding = static_cast<ParquetEncoding>(page.header.levels_encoding);
    check(encoding == ParquetEncoding::rle, where_, " marks empty rows by single bits (BIT_PACKED), which is not read");
    for (const auto level : read_runs(in, 1, page.header.values)) {
      ++row;
      check(level == 1, where_, ", row ", row, ": no value (null); expected one in every row");
    }
  }

  void read_values(ByteReader& in, const ParquetPageHeader& page, const std::vector<std::string>& dictionary) {
    const auto type = column_.type;
    const bool text = type == ParquetType::bytes, whole = type == ParquetType::int32 || type == ParquetType::int64;
    switch (const auto encoding = static_cast<ParquetEncoding>(page.encoding)) {
      case ParquetEncoding::plain:
        return read_plain(in, type, page.values, out_);
      case ParquetEncoding::plain_dictionary:
      case ParquetEncoding::rle_dictionary: {
        const auto width = in.number<std::uint8_t>();
        for (const auto number : read_runs(in, width, page.values)) {
          check(number < dictionary.size(), where_, ": damaged (entry ", number, " of a dictionary of ",
                dictionary.size(), ")");
          out_.add(dictionary[number]);
        }
        return;
      }
      default:
        if (encoding == ParquetEncoding::rle && type == ParquetType::boolean)
          return read_run_booleans(in, page.values, out_);
        if (encoding == ParquetEncoding::delta_binary && whole) return read_delta_integers(in, type, page.values, out_);
        if (encoding == ParquetEncoding::delta_length && text) return read_delta_lengths(in, page.values, out_);
        if (encoding == ParquetEncoding::delta_bytes && text) return read_delta_bytes(in, page.values, out_);
        fail(where_, " is written in ",
             encoding == ParquetEncoding::byte_stream_split ? "BYTE_STREAM_SPLIT"
                                                            : "encoding " + std::to_string(page.encoding),
             ", which is not read for its type; expected PLAIN, a dictionary, runs or differences");
    }
  }

  std::string_view bytes_;
  const std::string& where_;
  const ParquetColumn& column_;
  ParquetCells out_;
};

}  // namespace

ParquetTable::ParquetTable(std::string_view bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {
  check(!bytes.ends_with(kEncrypted), name_, ": is encrypted, which is not read");
  check(bytes.size() >= kMagic.size() + kFooter && bytes.starts_with(kMagic) && bytes.ends_with(kMagic), name_,
        ": damaged or cut short Parquet file (", bytes.size(), " bytes; expected PAR1 at both ends); get it again");
  bytes.remove_suffix(kFooter);
  ByteReader end(bytes_.substr(bytes.size()), name_);
  const auto size = end.number<std::uint32_t>();
  check(size <= bytes.size() - kMagic.size(), name_, ": damaged Parquet file (a description of ", size,
        " bytes); get it again");
  ByteReader in(bytes.substr(bytes.size() - size), name_);
  metadata_ = read_parquet_metadata(in);
  bytes_ = bytes.substr(0, bytes.size() - size);
}

std::vector<std::string> ParquetTable::columns() const {
  std::vector<std::string> names;
  for (const auto& column : metadata_.columns) names.push_back(column.name);
  return names;
}

std::vector<std::string> ParquetTable::cells(std::size_t number) const {
  const auto& column = metadata_.columns.at(number);
  const auto where = name_ + ": column '" + column.name + "'";
  check(column.refusal.empty(), where, " ", column.refusal);
  ColumnReader reader(bytes_, where, column);
  for (const auto& group : metadata_.groups) {
    const auto& chunk = group.chunks[column.leaf];
    check(chunk.values == group.rows, where, ": damaged (", chunk.values, " values in ", group.rows, " rows)");
    reader.read(chunk);
  }
  return reader.take();
}

}  // namespace longwave
