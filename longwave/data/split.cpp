#include "longwave/data/split.h"

#include <algorithm>

#include "longwave/base/check.h"

namespace longwave {
namespace {

/// Rows whose values are targets: where each part begins and ends without the early rows.
struct Parts {
  std::int64_t train_end, val_begin, val_end, test_begin, test_end;
};

std::int64_t share(double part, std::int64_t rows) {
  return static_cast<std::int64_t>(part * static_cast<double>(rows));
}

Parts ett_parts(std::int64_t month, std::int64_t rows, const std::string& file) {
  check(rows >= 20 * month, file, ": ", rows, " rows; the ETT protocol needs ", 20 * month,
        " (20 months of 30 days); get the whole file, or copy it under another name to split it 70/10/20 %");
  return {12 * month, 12 * month, 16 * month, 16 * month, 20 * month};
}

Parts parts_of(Protocol protocol, std::int64_t n, const std::string& file) {
  const auto train = share(0.7, n), test = share(0.2, n);
  switch (protocol) {
    case Protocol::ett_hour:
      return ett_parts(30 * 24, n, file);
    case Protocol::ett_minute:
      return ett_parts(30 * 24 * 4, n, file);
    case Protocol::solar:
      return {train, train, train + share(0.1, n), n - test, n};
    case Protocol::pems: {
      const auto first = share(0.6, n), second = share(0.8, n);
      return {first, first, second, second, n};
    }
    case Protocol::custom:
      break;
  }
  return {train, train, n - test, n - test, n};
}

}  // namespace

Borders split_rows(Protocol protocol, std::int64_t rows, std::int64_t lookback, std::int64_t horizon,
                   const std::string& file) {
  check(lookback >= 1 && horizon >= 1, "lookback ", lookback, " and horizon ", horizon, "; expected both at least 1");
  const auto p = parts_of(protocol, rows, file);
  const auto early = protocol == Protocol::pems ? 0 : lookback;
  const Borders borders{{0, p.train_end}, {p.val_begin - early, p.val_end}, {p.test_begin - early, p.test_end}};
  const auto window = lookback + horizon;
  const bool fits = borders.train.count() >= window && borders.val.begin >= 0 && borders.val.count() >= window &&
                    borders.test.begin >= 0 && borders.test.count() >= window;
  if (fits) return borders;
  const auto val = p.val_end - p.val_begin, test = p.test_end - p.test_begin;
  const auto longest = protocol == Protocol::pems ? std::min({p.train_end, val, test}) : p.train_end;
  const auto horizons = std::min({val, test, longest - 1});
  const auto parts = std::to_string(p.train_end) + "/" + std::to_string(val) + "/" + std::to_string(test);
  check(horizons >= 1, file, ": ", rows, " rows are too few to train, validate and test on (", parts, ")");
  fail(file, ": ", rows, " rows (", parts, " to train/validate/test) are too few for lookback ", lookback,
       " and horizon ", horizon, "; the longest that fit: lookback + horizon ", longest, " with a horizon of at most ",
       horizons);
}

}  // namespace longwave
