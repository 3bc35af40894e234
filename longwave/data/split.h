#pragma once

#include <cstdint>
#include <string>

#include "longwave/data/catalog.h"

namespace longwave {

/// Rows [begin, end) of a file.
struct Rows {
  std::int64_t begin, end;
  std::int64_t count() const { return end - begin; }
};

struct Borders {
  Rows train, val, test;  // val and test begin `lookback` rows early, except under Protocol::pems
};

/// Where the parts of a file of `rows` rows lie. UserError that names the file if a part has no whole window, with the
/// longest lookback and horizon that fit.
Borders split_rows(Protocol protocol, std::int64_t rows, std::int64_t lookback, std::int64_t horizon,
                   const std::string& file);

}  // namespace longwave
