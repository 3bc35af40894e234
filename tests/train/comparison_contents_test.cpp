// Cells of sequence sets that are read from files: known by what the files hold.

#include "longwave/train/comparison_contents.h"

#include <gtest/gtest.h>

namespace longwave {
namespace {

Comparison plan() {
  return plan_comparison(parse_toml(R"(
[compare]
models = ["mingru", "lru"]
data = ["text", "copying"]
)",
                                    "c.toml"));
}

/// As an older build stored it: the content stands in the result alone.
CellRecord finished(const CellId& id, const std::string& content) {
  CellRecord record{.id = id, .state = CellState::done, .error = {}, .result = {}};
  if (!content.empty()) record.result.about["content"] = content;
  return record;
}

const ComparisonCell& cell_of(const Comparison& plan, const std::string& model, const std::string& data) {
  for (const auto& cell : plan.cells)
    if (cell.id.model == model && cell.id.data == data) return cell;
  fail("no such cell");
}

TEST(ComparisonContents, OtherFilesAreAnotherCellAndGeneratedSetsStay) {
  const auto planned = plan();
  auto one = planned, other = planned;
  EXPECT_TRUE(take_contents(one, {{"text", "aa"}, {"copying", ""}}, {}).empty());
  take_contents(other, {{"text", "bb"}, {"copying", ""}}, {});
  EXPECT_NE(cell_of(one, "lru", "text").key, cell_of(other, "lru", "text").key);
  EXPECT_EQ(cell_of(one, "lru", "text").key, cell_of(one, "lru", "text").id.key());
  EXPECT_EQ(cell_of(one, "lru", "copying").key, cell_of(planned, "lru", "copying").key);
}

TEST(ComparisonContents, CellsFromBeforeStayWhereTheirResultNamesTheContent) {
  const auto planned = plan();
  const auto& mine = cell_of(planned, "mingru", "text");
  const std::vector<CellRecord> stored{finished(mine.id, "aa"), finished(cell_of(planned, "lru", "text").id, "bb")};
  auto now = planned;
  const auto others = take_contents(now, {{"text", "aa"}}, stored);
  EXPECT_EQ(cell_of(now, "mingru", "text").key, mine.key);
  EXPECT_NE(cell_of(now, "lru", "text").key, stored[1].id.key());
  EXPECT_EQ(others, (std::map<std::string, std::size_t>{{"text", 1}}));
}

TEST(ComparisonContents, TellsWhatAStoreWasMeasuredOn) {
  auto one = plan();
  take_contents(one, {{"text", "cc"}}, {});
  const std::vector<CellRecord> stored{finished(cell_of(plan(), "lru", "text").id, "aa"),
                                       finished(cell_of(one, "lru", "text").id, ""),
                                       finished(cell_of(plan(), "lru", "copying").id, "")};
  const auto contents = stored_contents(plan(), stored);
  EXPECT_EQ(contents.at("text"), (std::vector<std::string>{"aa", "cc"}));
  EXPECT_TRUE(contents.at("copying").empty());
}

}  // namespace
}  // namespace longwave
