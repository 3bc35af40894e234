#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/data/listops_generator.h"

namespace longwave {

/// Configuration of the set `listops`.
struct ListOpsConfig {
  std::string source = "generated";     // generated | lra | spinn
  std::string protocol = "lra-strict";  // lra-strict | lra-s4 | lra-2020
  std::int64_t train_samples = 0, val_samples = 0, test_samples = 0;
  std::int64_t max_depth = 10, max_args = 10, min_length = 500, max_length = 2000;
  std::int64_t seed = 0;
  static const FieldTable<ListOpsConfig>& fields();
};

/// Expressions and which of them train, validate and test.
struct ListOpsSplits {
  ListOpsTrees trees;
  std::vector<std::int64_t> train, val, test;
};

/// Distinct expressions in seeded order: 96,000 / 2,000 / 2,000 unless the configuration says otherwise.
ListOpsSplits generate_listops(const ListOpsConfig& config);

/// Writes basic_train.tsv, basic_val.tsv and basic_test.tsv as Long Range Arena has them; returns their paths.
std::vector<std::filesystem::path> write_listops(const ListOpsSplits& splits, const std::filesystem::path& folder);

/// Shares of right answers of predictors that read part of an expression: the majority class, the best guess for every
/// root operator, and the value by `levels` operators, 1 .. until all are right (see listops_value). Guesses are taken
/// from `fit`, where nothing is left too.
struct ListOpsLadder {
  double majority = 0, root = 0;
  std::vector<double> levels;  // [0]: one level, ...
};
ListOpsLadder listops_ladder(const ListOpsTrees& trees, const std::vector<std::int64_t>& fit,
                             const std::vector<std::int64_t>& score);

}  // namespace longwave
