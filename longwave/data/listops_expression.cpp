#include "longwave/data/listops_expression.h"

#include <algorithm>
#include <numeric>

#include "longwave/base/check.h"

namespace longwave {
namespace {

/// An operator whose closing bracket has not come yet.
struct Open {
  std::uint8_t symbol;
  std::size_t first;  // its first value on the stack of values, or the position of the symbol
};

int apply(std::uint8_t symbol, std::vector<int>::iterator begin, std::vector<int>::iterator end) {
  if (symbol == kMin) return *std::min_element(begin, end);
  if (symbol == kMax) return *std::max_element(begin, end);
  if (symbol == kSum) return std::accumulate(begin, end, 0) % 10;
  std::sort(begin, end);
  const auto count = end - begin;
  return (begin[(count - 1) / 2] + begin[count / 2]) / 2;
}

std::uint8_t symbol_of(std::string_view word, const std::string& where) {
  if (word.size() == 1 && word[0] >= '0' && word[0] <= '9') return static_cast<std::uint8_t>(word[0] - '0');
  if (word == "]" || word == "X") return kClose;
  for (std::uint8_t symbol = kMin; symbol < kClose; ++symbol)
    if (word == kListOpsSymbols[symbol]) return symbol;
  fail(where, ": '", word, "' is no symbol of ListOps; expected ( ) ] 0 .. 9 [MIN [MAX [MED [SM");
}

void check_form(ListOpsView expression, const std::string& where) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const auto symbol = expression[i];
    check(i == 0 || !open.empty(), where, ": '", kListOpsSymbols[symbol], "' behind the end of the expression");
    if (symbol == kClose) {
      check(!open.empty(), where, ": closing bracket without an operator");
      check(open.back() + 1 < i, where, ": ", kListOpsSymbols[expression[open.back()]], " without arguments");
      open.pop_back();
    } else if (symbol >= kMin) {
      open.push_back(i);
    }
  }
  check(!expression.empty(), where, ": no expression; expected for example ( ( ( [MAX 3 ) 7 ) ] )");
  check(open.empty(), where, ": ", open.size(), " operators are not closed; the line may be cut short");
}

/// Number of arguments of the operator at every position.
std::vector<int> argument_counts(ListOpsView expression) {
  std::vector<int> counts(expression.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const auto symbol = expression[i];
    if (symbol == kClose) open.pop_back();
    if (!open.empty() && symbol != kClose) ++counts[open.back()];
    if (symbol >= kMin && symbol < kClose) open.push_back(i);
  }
  return counts;
}

}  // namespace

std::optional<int> listops_value(ListOpsView expression, int levels) {
  std::vector<int> values;
  std::vector<Open> open;
  for (const auto symbol : expression) {
    if (symbol < kMin) {
      if (open.size() <= static_cast<std::size_t>(levels)) values.push_back(symbol);
    } else if (symbol != kClose) {
      open.push_back({symbol, values.size()});
    } else {
      const auto from = values.begin() + static_cast<std::ptrdiff_t>(open.back().first);
      if (from != values.end()) {
        const int value = apply(open.back().symbol, from, values.end());
        values.erase(from, values.end());
        values.push_back(value);
      }
      open.pop_back();
    }
  }
  if (values.empty()) return std::nullopt;
  return values.back();
}

std::vector<std::uint8_t> parse_listops(std::string_view text, const std::string& where) {
  std::vector<std::uint8_t> symbols;
  std::int64_t opened = 0, closed = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = text.find_first_not_of(" \r", at);
    if (begin == std::string_view::npos) break;
    at = std::min(text.find_first_of(" \r", begin), text.size());
    const auto word = text.substr(begin, at - begin);
    opened += word == "(";
    closed += word == ")";
    check(closed <= opened, where, ": ')' without a '(' in front of it; the line may be damaged");
    if (word != "(" && word != ")") symbols.push_back(symbol_of(word, where));
  }
  check(opened == closed, where, ": ", opened, " '(' and ", closed,
        " ')'; expected as many of both; the line may be cut short");
  check_form(symbols, where);
  return symbols;
}

std::string listops_text(ListOpsView expression) {
  const auto counts = argument_counts(expression);
  std::string text;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const auto symbol = expression[i];
    const bool opens = symbol >= kMin && symbol < kClose;
    if (i > 0) text += ' ';
    if (opens) {
      for (int bracket = 0; bracket <= counts[i]; ++bracket) text += "( ";
      ++depth;
    }
    text += symbol == kClose ? "]" : kListOpsSymbols[symbol];
    if (symbol == kClose) {
      text += " )";
      --depth;
    }
    if (!opens && depth > 0) text += " )";  // an argument is complete
  }
  return text;
}

}  // namespace longwave
