#include "longwave/io/columnar.h"

#include <filesystem>

#include "longwave/base/check.h"
#include "longwave/io/arrow_file.h"
#include "longwave/io/parquet.h"

namespace longwave {
namespace {

constexpr std::string_view kParquet = "PAR1", kEncrypted = "PARE", kArrowFile = "ARROW1",
                           kArrowStream = "\xff\xff\xff\xff";

bool is_parquet(std::string_view bytes) { return bytes.starts_with(kParquet) || bytes.starts_with(kEncrypted); }
bool is_arrow(std::string_view bytes) { return bytes.starts_with(kArrowFile) || bytes.starts_with(kArrowStream); }

}  // namespace

bool is_columnar(std::string_view bytes, const std::string& name) {
  const auto ending = std::filesystem::path(name).extension();
  return ending == ".parquet" || ending == ".arrow" || is_parquet(bytes) || is_arrow(bytes);
}

std::unique_ptr<ColumnarTable> parse_columnar(std::string_view bytes, const std::string& name) {
  if (is_parquet(bytes)) return std::make_unique<ParquetTable>(bytes, name);
  if (is_arrow(bytes)) return std::make_unique<ArrowTable>(bytes, name);
  fail(name, ": is neither a Parquet nor an Arrow file",
       bytes.starts_with("version https://git-lfs") ? " but a pointer to one; get it with `git lfs pull`" : "");
}

}  // namespace longwave
