#pragma once

#include <functional>
#include <string>
#include <vector>

#include "longwave/report/html.h"
#include "longwave/report/table.h"
#include "longwave/train/comparison_report.h"

namespace longwave {

/// Cells of one row of the table.
struct RowSetting {
  std::string data;
  std::int64_t horizon = 0;
  std::string name() const;
};
std::vector<RowSetting> settings_of(const Comparison& comparison);

/// Records of one contender on one setting, by seed. A run that finished without a finite score is among the failed.
struct Group {
  std::string model, title;
  std::size_t color = 0;
  std::vector<const ComparisonCell*> cells;
  std::vector<const CellRecord*> done, failed;
  std::size_t interrupted = 0;
  const Search* search = nullptr;  // that chose the cells, or will

  /// False where [compare.DATA] leaves the contender out.
  bool is_asked() const { return !cells.empty() || search; }
  std::vector<double> values(const std::function<double(const CellResult&)>& of) const;
  double mean(const std::function<double(const CellResult&)>& of) const;
  double score(const std::string& name) const;
};
std::vector<Group> groups_of(const Comparison& comparison, const CellRecords& records, const RowSetting& setting);

/// True if a failed run ended because weights, loss, gradient or score stopped being finite numbers.
bool has_diverged(const CellRecord& failed);

/// Why a search has chosen nothing.
std::string words_of_trials(const Search& search);

/// Which contenders have settings that a search chose, of how many trials, and which were not searched; "" if no search
/// has chosen yet.
std::string tuning_note(const Comparison& comparison);

/// Every run that failed or diverged, one line each with its reason.
std::vector<std::string> failures_of(const Comparison& comparison, const CellRecords& records);

/// What a reader must know of a group: time limits, failures, interrupted and missing runs, trials.
std::vector<std::string> remarks_of(const Group& group);

/// A heading with words and pictures; nothing if all pictures are empty.
void add_figures(Page& page, const std::string& heading, const std::string& words,
                 const std::vector<std::string>& svgs);
void add_table(Page& page, const Table& table);
std::string seeds_text(const ComparisonConfig& config);
void add_environment(Page& page, const CellRecords& records);

}  // namespace longwave
