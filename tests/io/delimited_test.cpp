#include "longwave/io/delimited.h"

#include <gtest/gtest.h>

#include "longwave/base/check.h"

namespace longwave {
namespace {

/// "1:a|b 2:c|d": line and cells of every record, or the error.
std::string records(const std::string& text, const Delimiters& delimiters) {
  std::string all;
  try {
    for_each_record(text, "f", delimiters, [&](const auto& cells, std::int64_t line) {
      all += (all.empty() ? "" : " ") + std::to_string(line) + ":";
      for (std::size_t i = 0; i < cells.size(); ++i) all += (i ? "|" : "") + cells[i];
    });
  } catch (const UserError& error) {
    return error.what();
  }
  return all;
}

TEST(Delimited, TabsWithoutQuoting) {
  EXPECT_EQ(records("a\tb\r\n\n\"c\t\n\td", {}), "1:a|b 3:\"c| 4:|d");
  EXPECT_EQ(records("a\tb", {}), "1:a|b");
  EXPECT_EQ(records("", {}), "");
}

TEST(Delimited, QuotedCellsHoldAnything) {
  EXPECT_EQ(records("x,\"a,\"\"b\"\"\nc\"\r\n\"\",y\n", {',', true}), "1:x|a,\"b\"\nc 3:|y");
  EXPECT_EQ(records("x\"y,z\n", {',', true}), "1:x\"y|z");
  EXPECT_EQ(records("\"a\",", {',', true}), "1:a|");
}

TEST(Delimited, BadQuotesAreRefusedWithTheirLine) {
  EXPECT_EQ(records("a\n\"b\nc", {',', true}), "f:2: a cell begins with a quote that is never closed");
  EXPECT_EQ(records("a\n\"b\nc\"d,e", {',', true}).substr(0, 27), "f:3: text behind the closin");
}

TEST(Delimited, ColumnsByName) {
  EXPECT_EQ(find_column({"Target", "SOURCE"}, {"text", "source"}), 1);
  EXPECT_EQ(find_column({"a"}, {"b"}), -1);
}

}  // namespace
}  // namespace longwave
