#include "longwave/io/csv.h"

#include <cstddef>
#include <cstdint>

#include "longwave/base/check.h"
#include "longwave/data/dates.h"
#include "longwave/io/text_source.h"

/// Any bytes are a table or a UserError; the first byte chooses the options.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  using namespace longwave;
  CsvOptions options;
  if (data[0] & 1) options.missing = CsvOptions::Missing::keep;
  if (data[0] & 2) options.text = CsvOptions::Text::skip;
  if (data[0] & 4) options.header = CsvOptions::Header::no;
  try {
    const auto text = unpack_text({reinterpret_cast<const char*>(data) + 1, size - 1}, "fuzz");
    if (text.size() > (1 << 20)) return 0;
    const auto table = parse_csv(text, "fuzz", options);
    if (table.values.size() != static_cast<std::size_t>(table.rows * table.width())) __builtin_trap();
    if (!table.dates.empty()) read_dates(table).continued(3);
  } catch (const UserError&) {
  }
  return 0;
}
