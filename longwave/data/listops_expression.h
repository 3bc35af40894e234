#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace longwave {

/// The 15 symbols of ListOps: digits 0 .. 9, four operators, the closing bracket.
enum ListOpsSymbol : std::uint8_t { kMin = 10, kMax, kMed, kSum, kClose };
inline constexpr std::array<const char*, 15> kListOpsSymbols{"0", "1", "2",    "3",    "4",    "5",   "6", "7",
                                                             "8", "9", "[MIN", "[MAX", "[MED", "[SM", "X"};

/// One expression in prefix form: an operator, its arguments, kClose; or a digit.
using ListOpsView = std::span<const std::uint8_t>;

/// The value 0 .. 9 of an expression; MED of an even count is the mean of the middle two, rounded down; SM is the sum
/// modulo 10. With `levels` below its depth: expressions nested deeper than that many operators are left out, as are
/// those that have no argument then; none if nothing is left.
std::optional<int> listops_value(ListOpsView expression, int levels = std::numeric_limits<int>::max());

/// The symbols of a text such as "( ( ( [MAX 3 ) 7 ) ] )"; "(" and ")" are left out, but must be
/// balanced. UserError with `where` for anything that is not one whole expression.
std::vector<std::uint8_t> parse_listops(std::string_view text, const std::string& where);

/// The text that the reference generator writes: every operator applied to one argument after the other.
std::string listops_text(ListOpsView expression);

}  // namespace longwave
