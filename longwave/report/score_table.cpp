#include "longwave/report/score_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace longwave {
namespace {

int decimals_for(double smallest) {
  if (!(smallest > 0) || smallest >= 0.05) return 3;
  return std::min(9, 2 - static_cast<int>(std::floor(std::log10(smallest))));
}

/// Numbers remarks in the order of their first use.
class Footnotes {
 public:
  std::string signs(const std::vector<std::string>& remarks) {
    std::string text;
    for (const auto& remark : remarks) {
      auto found = std::find(notes_.begin(), notes_.end(), remark);
      if (found == notes_.end()) found = notes_.insert(notes_.end(), remark);
      text += fmt::format("[{}]", found - notes_.begin() + 1);
    }
    return text.empty() ? text : " " + text;
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> list;
    for (std::size_t i = 0; i < notes_.size(); ++i) list.push_back(fmt::format("[{}] {}", i + 1, notes_[i]));
    return list;
  }

 private:
  std::vector<std::string> notes_;
};

const std::vector<double>& values_of(const ScoreEntry& entry, const std::string& metric) {
  static const std::vector<double> none;
  const auto found = entry.values.find(metric);
  return found == entry.values.end() ? none : found->second;
}

struct RankedCell {
  TableCell cell;
  std::string mean;  // as printed: what ranks
};

/// The cells of all models for one metric of one row.
std::vector<RankedCell> cells_of(const ScoreTable& scores, const ScoreRow& row, const std::string& metric) {
  std::vector<Estimate> estimates;
  double smallest = std::numeric_limits<double>::infinity();
  for (const auto& [key, title] : scores.models) {
    const auto found = row.entries.find(key);
    estimates.push_back(
        estimate(found == row.entries.end() ? std::vector<double>() : values_of(found->second, metric)));
    if (estimates.back().mean > 0) smallest = std::min(smallest, estimates.back().mean);
  }
  std::vector<RankedCell> cells;
  for (const auto& e : estimates) {
    auto& out = cells.emplace_back();
    if (!std::isfinite(e.mean)) continue;
    out.mean = score_text(e.mean, smallest);
    out.cell.text = out.mean;
    if (e.count > 1) out.cell.text += " ± " + score_text(e.half_width, smallest);
  }
  std::set<double> ranks;
  for (const auto& c : cells)
    if (!c.mean.empty()) ranks.insert(std::stod(c.mean));
  for (auto& c : cells) {
    if (c.mean.empty() || ranks.size() < 2) continue;  // with nothing to compare with there is no best
    const double value = std::stod(c.mean);
    c.cell.mark = value == *ranks.begin() ? Mark::best : value == *std::next(ranks.begin()) ? Mark::second : Mark::none;
  }
  return cells;
}

}  // namespace

std::string score_text(double value, double smallest) { return fmt::format("{:.{}f}", value, decimals_for(smallest)); }

Table layout(const ScoreTable& scores) {
  Table table;
  table.labels = scores.label_names.size();
  for (const auto& name : scores.label_names) table.columns.push_back({name, "", true});
  for (const auto& [key, title] : scores.models)
    for (const auto& [metric, name] : scores.metrics) table.columns.push_back({name, title});
  Footnotes notes;
  for (const auto& row : scores.rows) {
    std::vector<TableCell> line;
    for (const auto& label : row.labels) line.push_back({label});
    line.resize(table.columns.size());
    std::vector<std::vector<RankedCell>> by_metric;
    for (const auto& [metric, name] : scores.metrics) by_metric.push_back(cells_of(scores, row, metric));
    for (std::size_t m = 0; m < scores.models.size(); ++m) {
      const auto entry = row.entries.find(scores.models[m].first);
      for (std::size_t k = 0; k < scores.metrics.size(); ++k) {
        auto& cell = line[table.labels + m * scores.metrics.size() + k];
        cell = by_metric[k][m].cell;
        if (cell.text.empty() && !row.entries.empty()) cell.text = "-";
        if (k == 0 && entry != row.entries.end()) cell.note = notes.signs(entry->second.remarks);
      }
    }
    table.rows.push_back(std::move(line));
  }
  table.notes = notes.lines();
  return table;
}

}  // namespace longwave
