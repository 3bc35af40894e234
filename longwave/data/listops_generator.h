#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longwave/data/listops_expression.h"

namespace longwave {

/// The rule of ListOps in Long Range Arena (Tay et al. 2021): an argument is an operator with probability 1/4 above the
/// greatest depth, else a digit; an operator, uniform over four, has 2 .. max_args arguments.
struct ListOpsRule {
  std::int64_t max_depth = 10, max_args = 10;
  std::int64_t min_length = 500, max_length = 2000;  // both exclusive, in symbols
  bool operator==(const ListOpsRule&) const = default;
};

/// Expressions one behind the other.
struct ListOpsTrees {
  std::vector<std::uint8_t> symbols;
  std::vector<std::int64_t> ends;    // of each expression in `symbols`
  std::vector<std::uint8_t> values;  // of each expression
  std::int64_t draws = 0;            // roots drawn to get them; 0 if they were read

  std::int64_t count() const { return static_cast<std::int64_t>(ends.size()); }
  ListOpsView at(std::int64_t i) const {
    const auto begin = i == 0 ? 0 : ends[static_cast<std::size_t>(i) - 1];
    return {symbols.data() + begin, static_cast<std::size_t>(ends[static_cast<std::size_t>(i)] - begin)};
  }
  /// Adds one; its value is computed.
  void add(ListOpsView expression);
};

/// `count` distinct expressions, the same for any number of threads: those that draws 0, 1, 2, ... of the seed give.
/// UserError if the rule does not have that many.
ListOpsTrees generate_listops(const ListOpsRule& rule, std::int64_t count, std::uint64_t seed);

}  // namespace longwave
