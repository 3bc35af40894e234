#include "longwave/train/results_lines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace longwave {
namespace {

ComparisonCell cell_of(const std::string& data, std::int64_t seed) {
  ComparisonCell cell;
  cell.id = {"sequence", data, "mingru", 0, 0, seed, Json::object()};
  cell.key = cell.id.key();
  cell.recipe.train.protocol = "masked";
  return cell;
}

CellResult full_result() {
  CellResult r;
  r.scores = {{"accuracy", 0.75}, {"val_accuracy", 0.8}};
  r.metric = "accuracy";
  r.parameters = 111;
  r.total_seconds = 2.5;
  r.peak_memory = 1e9;
  r.best_epoch = 3, r.best_step = 30;
  r.test_touches = 1;
  r.about = {
      {"parameters", {{"body", 100}, {"embedding", 10}, {"head", 1}}},
      {"total", {{"tokens", 5e6}, {"flops", 7e12}}},
      {"cost",
       {{"state_bytes", 720}, {"step_seconds", 3e-5}, {"tokens_per_second", 6e5}, {"batch_tokens_per_second", 1e6}}},
      {"help", {{"pooling", "mean"}}},
      {"content", "abc"}};
  r.environment = {{"device", "cpu"},           {"precision", "float32"}, {"cpu", "one"},
                   {"aten_threads", 2},         {"libtorch", "1.13.0"},   {"blas", "any"},
                   {"revision", "v1-2-gabcdef"}};
  return r;
}

std::vector<Json> lines_of(const Comparison& comparison, const CellRecords& records) {
  std::vector<Json> lines;
  std::istringstream text(results_lines(comparison, records));
  for (std::string line; std::getline(text, line);) lines.push_back(Json::parse(line));
  return lines;
}

TEST(ResultsLines, OneOfEveryFinishedOrFailedCellInTheOrderOfTheComparison) {
  Comparison comparison;
  for (const std::int64_t seed : {3, 1, 2, 4}) comparison.cells.push_back(cell_of("mqar", seed));
  const auto& cells = comparison.cells;
  CellRecords records;
  records[cells[0].key] = {cells[0].id, CellState::done, "", full_result()};
  records[cells[1].key] = {cells[1].id, CellState::failed, "not enough \"memory\"", {}};
  records[cells[2].key] = {cells[2].id, CellState::running, "", {}};
  const auto lines = lines_of(comparison, records);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], (Json{{"task", "sequence"},
                            {"data", "mqar"},
                            {"variant", nullptr},
                            {"horizon", nullptr},
                            {"training", "masked"},
                            {"model", "mingru"},
                            {"cell", cells[0].key},
                            {"seed", 3},
                            {"point", nullptr},
                            {"trials", nullptr},
                            {"ranked", true},
                            {"parameters", 111},
                            {"body", 100},
                            {"embedding", 10},
                            {"head", 1},
                            {"tokens", 5e6},
                            {"flops", 7e12},
                            {"wall_seconds", 2.5},
                            {"peak_bytes", 1e9},
                            {"state_bytes", 720},
                            {"step_seconds", 3e-5},
                            {"tokens_per_second", 6e5},
                            {"batch_tokens_per_second", 1e6},
                            {"device", "cpu"},
                            {"precision", "float32"},
                            {"cpu", "one"},
                            {"libtorch", "1.13.0"},
                            {"blas", "any"},
                            {"threads", 2},
                            {"best_step", 30},
                            {"metric", "accuracy"},
                            {"val", 0.8},
                            {"test", 0.75},
                            {"test_touches", 1},
                            {"protocol", nullptr},
                            {"help", {{"pooling", "mean"}}},
                            {"data_hash", "abc"},
                            {"revision", "v1-2-gabcdef"}}));
  EXPECT_EQ(lines[1].at("seed"), 1);
  EXPECT_EQ(lines[1].at("error"), "not enough \"memory\"");
  EXPECT_FALSE(lines[1].contains("test"));
}

TEST(ResultsLines, TrialsThatWereNotChosenFollow) {
  Comparison comparison;
  auto chosen = cell_of("mqar", 1), other = cell_of("mqar", 1);
  chosen.point = "train.learning_rate 0.01", other.point = "train.learning_rate 0.1";
  other.key = "other";
  comparison.cells = {chosen};
  const CellRecord done{chosen.id, CellState::done, "", full_result()};
  const CellRecord failed{other.id, CellState::failed, "diverged", {}};
  comparison.searches = {
      {{"mingru", "masked", "minGRU"}, {{{chosen}, done}, {{other}, failed}, {{cell_of("mqar", 2)}}}}};
  const auto lines = lines_of(comparison, {{chosen.key, done}});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].at("point"), chosen.point);
  EXPECT_EQ(lines[1].at("point"), other.point);
  EXPECT_EQ(lines[0].at("trials"), 3);
  EXPECT_TRUE(lines[0].at("ranked"));
  EXPECT_FALSE(lines[1].at("ranked"));
  EXPECT_EQ(lines[1].at("error"), "diverged");
}

TEST(ResultsLines, WhatIsNotKnownIsNull) {
  Comparison comparison;
  comparison.cells = {cell_of("old", 1), cell_of("untested", 1), cell_of("own.csv", 1)};
  auto old = to_json(full_result());
  for (const auto* key : {"about", "environment", "best_step", "test_touches"}) old.erase(key);
  auto untested = full_result();
  untested.test_touches = 0;
  untested.scores["val_accuracy"] = std::nan("");
  auto& series = comparison.cells[2];
  series.id.horizon = 96;
  series.id.recipe = {{"task", {{"content", "hash of the file"}}}};
  auto forecast = full_result();
  forecast.about = Json::object();
  CellRecords records;
  const std::vector<CellResult> results{cell_result_from_json(old), untested, forecast};
  for (std::size_t i = 0; i < results.size(); ++i)
    records[comparison.cells[i].key] = {comparison.cells[i].id, CellState::done, "", results[i]};
  const auto lines = lines_of(comparison, records);
  ASSERT_EQ(lines.size(), 3u);
  for (const auto* key : {"body", "tokens", "flops", "device", "best_step", "test_touches", "data_hash", "revision",
                          "help", "state_bytes", "threads"})
    EXPECT_TRUE(lines[0].at(key).is_null()) << key;
  EXPECT_EQ(lines[0].at("test"), 0.75) << "older versions stored the score all the same";
  EXPECT_TRUE(lines[1].at("test").is_null()) << "the scores are those of the validation split";
  EXPECT_TRUE(lines[1].at("val").is_null()) << "not a number";
  EXPECT_EQ(lines[2].at("data_hash"), "hash of the file");
  EXPECT_EQ(lines[2].at("horizon"), 96);
}

}  // namespace
}  // namespace longwave
