#include "longwave/report/score_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

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

/// The cells of all models for one metric of one row.
std::vector<TableCell> cells_of(const ScoreTable& scores, const ScoreRow& row, const std::string& metric) {
  std::vector<Estimate> estimates;
  double smallest = std::numeric_limits<double>::infinity();
  for (const auto& [key, title] : scores.models) {
    const auto found = row.entries.find(key);
    estimates.push_back(
        estimate(found == row.entries.end() ? std::vector<double>() : values_of(found->second, metric)));
    if (estimates.back().mean > 0) smallest = std::min(smallest, estimates.back().mean);
  }
  std::vector<TableCell> cells;
  std::vector<std::string> means;  // as printed: what ranks
  for (const auto& e : estimates) {
    auto& cell = cells.emplace_back();
    auto& mean = means.emplace_back();
    if (!std::isfinite(e.mean)) continue;
    cell.text = mean = score_text(e.mean, smallest);
    if (e.count > 1) cell.text += " ± " + score_text(e.half_width, smallest);
  }
  const auto marks = rank_marks(means, false);
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i].mark = marks[i];
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
    std::vector<std::vector<TableCell>> by_metric;
    for (const auto& [metric, name] : scores.metrics) by_metric.push_back(cells_of(scores, row, metric));
    for (std::size_t m = 0; m < scores.models.size(); ++m) {
      const auto entry = row.entries.find(scores.models[m].first);
      for (std::size_t k = 0; k < scores.metrics.size(); ++k) {
        auto& cell = line[table.labels + m * scores.metrics.size() + k];
        cell = by_metric[k][m];
        if (cell.text.empty() && !row.entries.empty()) cell.text = "-";
        if (k == 0 && entry != row.entries.end()) cell.note = notes.signs(entry->second.remarks);
      }
    }
    table.rows.push_back(std::move(line));
  }
  table.notes = notes.lines();
  table.notes.insert(table.notes.end(), scores.notes.begin(), scores.notes.end());
  return table;
}

}  // namespace longwave
