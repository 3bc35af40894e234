#include "longwave/io/parquet_values.h"

#include <fmt/format.h>

#include <algorithm>

namespace longwave {
namespace {

constexpr std::size_t kCredible = 64 << 20, kCrediblePerByte = 1024;  // bytes in memory

/// Numbers of a few bits each, the lowest bit first.
class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t take(unsigned width) {
    std::uint64_t value = 0;
    for (unsigned got = 0; got < width;) {
      const auto byte = static_cast<unsigned char>(bytes_[bit_ / 8]);
      const unsigned count = std::min<unsigned>(8 - bit_ % 8, width - got);
      const std::uint64_t part = byte >> bit_ % 8 & ((1u << count) - 1);
      value |= part << got;
      got += count;
      bit_ += count;
    }
    return value;
  }

 private:
  std::string_view bytes_;
  std::size_t bit_ = 0;
};

void add_truth(std::uint64_t value, ParquetCells& out) { out.add(value ? "1" : "0"); }

/// DELTA_BINARY_PACKED, modulo 2^64.
std::vector<std::uint64_t> read_deltas(ByteReader& in, std::size_t count) {
  const auto block = in.varint(), parts = in.varint(), total = in.varint();
  check(parts > 0 && block % parts == 0 && block / parts % 32 == 0 && block > 0, in.where(), ": damaged (blocks of ",
        block, " numbers in ", parts, " parts)");
  check(total == count, in.where(), ": damaged (", total, " numbers; expected ", count, ")");
  const auto size = block / parts;
  auto value = static_cast<std::uint64_t>(in.zigzag());
  std::vector<std::uint64_t> values;
  if (count > 0) values.push_back(value);
  while (values.size() < count) {
    const auto least = static_cast<std::uint64_t>(in.zigzag());
    const auto widths = in.take(parts);
    for (std::size_t part = 0; part < parts && values.size() < count; ++part) {
      const auto width = static_cast<unsigned char>(widths[part]);
      check(width <= 64, in.where(), ": damaged (numbers of ", +width, " bits)");
      check(width == 0 || size / 8 <= in.left(), in.where(), ": damaged or cut short (", size, " numbers in ",
            in.left(), " bytes)");
      BitReader bits(in.take(size / 8 * width));
      for (const auto end = values.size() + std::min<std::size_t>(size, count - values.size()); values.size() < end;)
        values.push_back(value += least + bits.take(width));
    }
  }
  return values;
}

}  // namespace

ParquetCells::ParquetCells(std::size_t file_size, const std::string& where)
    : where_(where), left_(kCredible + kCrediblePerByte * file_size) {}

void ParquetCells::expect(std::uint64_t count) const {
  check(count <= left_ / sizeof(std::string), where_, ": claims ", count,
        " more values than a file of its size can have; it is damaged");
}

void ParquetCells::add(std::string cell) {
  const auto size = sizeof cell + cell.size();
  check(size <= left_, where_, ": claims more text than a file of its size can have; it is damaged");
  left_ -= size;
  cells.push_back(std::move(cell));
}

void read_plain(ByteReader& in, ParquetType type, std::size_t count, ParquetCells& out) {
  if (type == ParquetType::boolean) {
    BitReader bits(in.take((count + 7) / 8));
    for (std::size_t i = 0; i < count; ++i) add_truth(bits.take(1), out);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) switch (type) {
      case ParquetType::int32:
        out.add(std::to_string(in.number<std::int32_t>()));
        break;
      case ParquetType::int64:
        out.add(std::to_string(in.number<std::int64_t>()));
        break;
      case ParquetType::real32:
        out.add(fmt::format("{}", in.number<float>()));
        break;
      case ParquetType::real64:
        out.add(fmt::format("{}", in.number<double>()));
        break;
      default:
        out.add(std::string(in.take(in.number<std::uint32_t>())));
    }
}

std::vector<std::uint32_t> read_runs(ByteReader& in, unsigned width, std::size_t count) {
  check(width <= 32, in.where(), ": damaged (numbers of ", width, " bits)");
  std::vector<std::uint32_t> values;
  while (values.size() < count) {
    const auto head = in.varint();
    const auto left = count - values.size();
    check(head > 1, in.where(), ": damaged (an empty run)");
    if (head & 1) {  // groups of eight, the last one filled up
      check(width == 0 || head >> 1 <= in.left(), in.where(), ": damaged or cut short (", head >> 1, " groups in ",
            in.left(), " bytes)");
      BitReader bits(in.take((head >> 1) * width));
      for (std::size_t i = std::min<std::size_t>(left, (head >> 1) * 8); i-- > 0;)
        values.push_back(static_cast<std::uint32_t>(bits.take(width)));
    } else {
      BitReader bits(in.take((width + 7) / 8));
      values.insert(values.end(), std::min<std::size_t>(left, head >> 1), static_cast<std::uint32_t>(bits.take(width)));
    }
  }
  return values;
}

void read_run_booleans(ByteReader& in, std::size_t count, ParquetCells& out) {
  ByteReader runs(in.take(in.number<std::uint32_t>()), in.where());
  for (const auto value : read_runs(runs, 1, count)) add_truth(value, out);
}

void read_delta_integers(ByteReader& in, ParquetType type, std::size_t count, ParquetCells& out) {
  for (const auto value : read_deltas(in, count))
    out.add(std::to_string(type == ParquetType::int32 ? static_cast<std::int32_t>(value)
                                                      : static_cast<std::int64_t>(value)));
}

void read_delta_lengths(ByteReader& in, std::size_t count, ParquetCells& out) {
  for (const auto length : read_deltas(in, count)) out.add(std::string(in.take(length)));
}

void read_delta_bytes(ByteReader& in, std::size_t count, ParquetCells& out) {
  const auto shared = read_deltas(in, count), lengths = read_deltas(in, count);
  std::string last;
  for (std::size_t i = 0; i < count; ++i) {
    check(shared[i] <= last.size(), in.where(), ": damaged (a text shares ", shared[i], " bytes with one of ",
          last.size(), ")");
    last.resize(shared[i]);
    last += in.take(lengths[i]);
    out.add(last);
  }
}

}  // namespace longwave
