#include "longwave/io/number.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string>

namespace longwave {
namespace {

constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

/// Correctly rounded, from the standard library.
bool convert_plain(const char* begin, const char* end, int exponent, double& value) {
  begin += *begin == '+';
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc::result_out_of_range && exponent < 0) {
    value = 0;  // too small for a double
    return true;
  }
  return error == std::errc() && stop == end && std::isfinite(value);
}

/// All numbers that the exact short way cannot take.
bool convert(const char* begin, const char* end, char decimal, int exponent, double& value) {
  if (decimal == '.') return convert_plain(begin, end, exponent, value);
  std::string text(begin, end);
  std::replace(text.begin(), text.end(), decimal, '.');
  return convert_plain(text.data(), text.data() + text.size(), exponent, value);
}

}  // namespace

bool scan_number(const char*& at, char decimal, double& value) {
  const char* p = at;
  const bool negative = *p == '-';
  p += *p == '-' || *p == '+';
  std::uint64_t mantissa = 0;
  const char* const digits = p;
  while (is_digit(*p)) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*p++ - '0');
  auto count = p - digits;
  int exponent = 0;
  if (*p == '.' || *p == decimal) {
    const char* const fraction = ++p;
    while (is_digit(*p)) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*p++ - '0');
    exponent = -static_cast<int>(std::min<std::ptrdiff_t>(p - fraction, 100000));
    count += p - fraction;
  }
  if (count == 0) return false;
  if (*p == 'e' || *p == 'E') {
    const char* q = p + 1;
    const bool minus = *q == '-';
    q += *q == '-' || *q == '+';
    if (is_digit(*q)) {
      int written = 0;
      while (is_digit(*q)) written = std::min(written * 10 + (*q++ - '0'), 100000);
      exponent += minus ? -written : written;
      p = q;
    }
  }
  // Exact: both factors are doubles without error, so that one rounding happens (Clinger 1990).
  if (count <= 19 && mantissa <= (std::uint64_t{1} << 53) && exponent >= -22 && exponent <= 22) {
    const auto whole = static_cast<double>(mantissa);
    const double size = exponent < 0 ? whole / kPowers[-exponent] : whole * kPowers[exponent];
    value = negative ? -size : size;
  } else if (!convert(at, p, decimal, exponent, value)) {
    return false;
  }
  at = p;
  return true;
}

bool is_number(std::string_view text, char decimal) {
  const std::string cell(text);
  const char* at = cell.c_str();
  double value;
  return scan_number(at, decimal, value) && at == cell.c_str() + cell.size();
}

bool is_missing(std::string_view text) {
  constexpr std::array<std::string_view, 9> words = {"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"};
  if (text.size() > 4) return false;
  char lower[4];
  std::transform(text.begin(), text.end(), lower, [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(words.begin(), words.end(), std::string_view(lower, text.size())) != words.end();
}

}  // namespace longwave
