#include "longwave/io/arrow_file.h"

#include <fmt/format.h>

#include <cstring>

#include "longwave/io/byte_reader.h"
#include "longwave/io/flat_table.h"

namespace longwave {
namespace {

// Numbers of the format: https://github.com/apache/arrow/tree/main/format (Message.fbs, Schema.fbs).

constexpr std::string_view kMagic = "ARROW1";
constexpr std::size_t kHead = 8, kFooter = 10;  // of a file: the magic filled up; the size of its index and the magic
constexpr int kVersion4 = 3, kDepth = 64;
constexpr std::size_t kPair = 16;  // bytes of a node and of a buffer in their lists

enum MessageKind { kSchema = 1, kDictionaryBatch, kRecordBatch };
enum Precision { kHalf, kSingle };  // else double
enum TypeKind { kInt = 2, kReal = 3, kBinary = 4, kUtf8 = 5, kBool = 6, kLargeBinary = 19, kLargeUtf8 = 20 };
// Buffers that values of a type have, by its number; -1: it depends.
constexpr int kBuffers[] = {-1, 0, 2, 2, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, -1, 2, 1, 2, 2, 3, 3, 2, 0, -1, -1, 3, 3};

int type_of(const FlatTable& field) { return field.number<std::uint8_t>(2); }

/// Counts the nodes and buffers of a field and of those within it; false if they cannot be known.
bool pass(const FlatTable& field, std::size_t& node, std::size_t& buffer, int depth = 0) {
  field.expect(depth < kDepth);
  ++node;
  if (field.table(4)) {  // numbers of the entries of a dictionary
    buffer += 2;
    return true;
  }
  const auto type = static_cast<std::size_t>(type_of(field));
  if (type >= std::size(kBuffers) || kBuffers[type] < 0) return false;
  buffer += kBuffers[type];
  for (const auto& child : field.tables(5))
    if (!pass(child, node, buffer, depth + 1)) return false;
  return true;
}

std::int64_t entry(std::string_view pairs, std::size_t number, std::size_t half) {
  std::int64_t value;
  std::memcpy(&value, pairs.data() + number * kPair + half * sizeof value, sizeof value);
  return value;
}

bool bit(std::string_view bits, std::int64_t i) { return bits[i / 8] >> i % 8 & 1; }

template <class T>
T value_at(std::string_view bytes, std::int64_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
  return value;
}

/// Texts by where each one ends in `bytes`, and the first begins.
template <class T>
void add_texts(std::string_view offsets, std::string_view bytes, std::int64_t rows, const std::string& where,
               std::vector<std::string>& out) {
  auto begin = rows > 0 ? value_at<T>(offsets, 0) : 0;
  check(begin >= 0, where, ": damaged (a text begins at byte ", begin, ")");
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto end = value_at<T>(offsets, i + 1);
    check(end >= begin && static_cast<std::uint64_t>(end) <= bytes.size(), where, ": damaged (a text from byte ", begin,
          " to ", end, " of ", bytes.size(), ")");
    out.emplace_back(bytes.substr(begin, end - begin));
    begin = end;
  }
}

}  // namespace

std::string ArrowTable::number_at(std::string_view bytes, std::int64_t i, Kind kind, std::size_t width) {
  if (kind == Kind::real)
    return width == 4 ? fmt::format("{}", value_at<float>(bytes, i)) : fmt::format("{}", value_at<double>(bytes, i));
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + i * width, width);
  const auto spare = 64 - 8 * width;
  return kind == Kind::natural ? std::to_string(value)
                               : std::to_string(static_cast<std::int64_t>(value << spare) >> spare);
}

ArrowTable::ArrowTable(std::string_view bytes, std::string name) : name_(std::move(name)) {
  if (bytes.starts_with(kMagic)) {  // a stream with an index behind it
    check(bytes.size() >= kHead + kFooter && bytes.ends_with(kMagic), name_,
          ": damaged or cut short Arrow file (expected ARROW1 at both ends); get it again");
    ByteReader end(bytes.substr(bytes.size() - kFooter), name_);
    const auto index = end.number<std::uint32_t>();
    bytes.remove_prefix(kHead);
    bytes.remove_suffix(kFooter);
    check(index <= bytes.size(), name_, ": damaged Arrow file (an index of ", index, " bytes)");
    bytes.remove_suffix(index);
  }
  bool described = false;
  for (ByteReader in(bytes, name_); in.left() > 0;) {
    auto size = in.number<std::int32_t>();
    if (size == -1) size = in.number<std::int32_t>();  // behind a mark that files of before 2019 have not
    if (size == 0) break;
    check(size > 0, name_, ": damaged Arrow file (a message of ", size, " bytes)");
    const std::string message(in.take(size));  // a copy is aligned
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(message.data()), message.size());
    const FlatTable table(message, verifier, name_);
    check(table.number<std::int16_t>(0) >= kVersion4, name_, ": is of a version of Arrow before 0.8; write it anew");
    const auto body = in.take(table.number<std::int64_t>(3));
    const auto kind = table.number<std::uint8_t>(1);
    const auto header = table.table(2);
    table.expect(header && (kind == kSchema) != described);
    if (kind == kSchema) read_schema(*header);
    if (kind == kRecordBatch) read_batch(*header, body);
    described = true;
  }
  check(described, name_, ": damaged Arrow file (it describes no columns)");
}

void ArrowTable::read_schema(const FlatTable& schema) {
  check(schema.number<std::int16_t>(0) == 0, name_, ": is big-endian, which is not read");
  std::size_t node = 0, buffer = 0;
  bool known = true;
  for (const auto& field : schema.tables(1)) {
    auto column = column_of(field);
    column.node = node;
    column.buffer = buffer;
    if (!known) column.refusal = "stands behind a column of unions or views, which is not read";
    columns_.push_back(std::move(column));
    known = known && pass(field, node, buffer);
  }
}

ArrowTable::Column ArrowTable::column_of(const FlatTable& field) {
  Column column;
  column.name = field.text(0);
  if (field.table(4)) {
    column.refusal = "is kept by a dictionary, which is not read; expected plain texts or numbers";
    return column;
  }
  const auto type = field.table(3);
  field.expect(type.has_value());
  switch (type_of(field)) {
    case kBinary:
    case kUtf8:
      column.kind = Kind::text;
      break;
    case kLargeBinary:
    case kLargeUtf8:
      column.kind = Kind::large_text;
      break;
    case kBool:
      column.kind = Kind::truth;
      break;
    case kInt:
      column.kind = type->number<std::uint8_t>(1) ? Kind::integer : Kind::natural;
      column.width = static_cast<std::size_t>(type->number<std::int32_t>(0)) / 8;
      field.expect(column.width == 1 || column.width == 2 || column.width == 4 || column.width == 8);
      break;
    case kReal:
      column.kind = Kind::real;
      column.width = type->number<std::int16_t>(0) == kSingle ? 4 : 8;
      if (type->number<std::int16_t>(0) == kHalf) column.refusal = "holds numbers of 16 bits; expected 32 or 64";
      break;
    default:
      column.refusal = "holds neither texts nor numbers (lists, dates, views or other things)";
  }
  return column;
}

void ArrowTable::read_batch(const FlatTable& batch, std::string_view body) {
  batches_.push_back({batch.number<std::int64_t>(0), std::string(batch.elements(1, kPair)),
                      std::string(batch.elements(2, kPair)), body, batch.table(3).has_value()});
}

std::vector<std::string> ArrowTable::columns() const {
  std::vector<std::string> names;
  for (const auto& column : columns_) names.push_back(column.name);
  return names;
}

std::vector<std::string> ArrowTable::cells(std::size_t number) const {
  const auto& column = columns_.at(number);
  const auto where = name_ + ": column '" + column.name + "'";
  check(column.refusal.empty(), where, " ", column.refusal);
  std::vector<std::string> cells;
  for (const auto& batch : batches_) {
    check(!batch.packed, where, " is packed (LZ4 or zstd), which is not read; write the file without compression");
    add_cells(batch, column, where, cells);
  }
  return cells;
}

std::string_view ArrowTable::buffer(const Batch& batch, std::size_t number, std::uint64_t size,
                                    const std::string& where) {
  check(number < batch.buffers.size() / kPair, where, ": damaged (its values are missing)");
  const auto offset = static_cast<std::uint64_t>(entry(batch.buffers, number, 0));
  const auto length = static_cast<std::uint64_t>(entry(batch.buffers, number, 1));
  check(offset <= batch.body.size() && length <= batch.body.size() - offset && size <= length, where,
        ": damaged or cut short (", size, " bytes of values in ", length, " of ", batch.body.size(), ")");
  return batch.body.substr(offset, length);
}

void ArrowTable::add_cells(const Batch& batch, const Column& column, const std::string& where,
                           std::vector<std::string>& out) {
  const auto rows = batch.rows;
  check(rows >= 0 && static_cast<std::uint64_t>(rows) / 8 <= batch.body.size() &&
            column.node < batch.nodes.size() / kPair && entry(batch.nodes, column.node, 0) == rows,
        where, ": damaged (not ", rows, " rows)");
  if (rows == 0) return;
  const auto data = [&](std::size_t number, std::uint64_t size) {
    return buffer(batch, column.buffer + number, size, where);
  };
  const auto count = static_cast<std::uint64_t>(rows), bytes_of_bits = (count + 7) / 8;
  if (entry(batch.nodes, column.node, 1) != 0) {
    const auto present = data(0, bytes_of_bits);
    for (std::int64_t i = 0; i < rows; ++i)
      check(bit(present, i), where, ", row ", std::ssize(out) + i + 1, ": no value (null); expected one in every row");
  }
  switch (column.kind) {
    case Kind::text:
      return add_texts<std::int32_t>(data(1, (count + 1) * 4), data(2, 0), rows, where, out);
    case Kind::large_text:
      return add_texts<std::int64_t>(data(1, (count + 1) * 8), data(2, 0), rows, where, out);
    case Kind::truth: {
      const auto bits = data(1, bytes_of_bits);
      for (std::int64_t i = 0; i < rows; ++i) out.push_back(bit(bits, i) ? "1" : "0");
      return;
    }
    default: {
      const auto values = data(1, count * column.width);
      for (std::int64_t i = 0; i < rows; ++i) out.push_back(number_at(values, i, column.kind, column.width));
    }
  }
}

}  // namespace longwave
