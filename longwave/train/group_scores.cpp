#include "longwave/train/group_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace longwave {
namespace {

double score_of(const CellResult& result, const std::string& name) {
  const auto found = result.scores.find(name);
  return found == result.scores.end() ? std::nan("") : found->second;
}

/// How a score was measured, and on which samples.
Json measure(const CellResult& result) {
  Json json;
  for (const auto* key : {"protocol", "evaluation", "caution"}) json[key] = result.about.value(key, "");
  for (const auto* key : {"samples", "tokens"})
    if (result.about.contains(key))
      for (const auto* split : {"val", "test"}) json[key][split] = result.about[key].value(split, Json());
  return json;
}

/// Hash of what the data were; "" in results of older builds.
std::string content(const CellResult& result) { return result.about.value("content", ""); }

std::string ending(const Group& group) {
  if (group.failed.empty()) return "-";
  return std::all_of(group.failed.begin(), group.failed.end(), [](const CellRecord* r) { return has_diverged(*r); })
             ? "diverged"
             : "failed";
}

}  // namespace

std::string score_number(const Metric& metric, double value) {
  if (!std::isfinite(value)) return "-";
  return metric.percent ? fmt::format("{:.1f}", 100 * value) : fmt::format("{:.4g}", value);
}

std::string spread_text(const Metric& metric, const Estimate& e) {
  if (e.count < 2) return "";
  constexpr double kRounding = 1e-9;
  return e.half_width > kRounding ? " ± " + score_number(metric, e.half_width) : " (equal)";
}

Estimate score_estimate(const Group& group, const std::string& name) {
  return estimate(group.values([&](const CellResult& r) { return score_of(r, name); }));
}

TableCell score_cell(const Group& group, const std::string& name) {
  if (group.done.empty()) return {ending(group)};
  const auto metric = find_metric(name);
  const auto e = score_estimate(group, name);
  return {score_number(metric, e.mean) + spread_text(metric, e), Mark::none, share_of_runs(group)};
}

std::string share_of_runs(const Group& group) {
  const auto done = group.done.size(), all = group.cells.size();
  return done > 0 && done < all ? fmt::format(" ({} of {})", done, all) : "";
}

bool measured_alike(const std::vector<Group>& groups) {
  const CellResult* first = nullptr;
  for (const auto& group : groups)
    for (const auto* record : group.done) {
      const auto& result = record->result;
      if (!first) first = &result;
      const bool same_content =
          content(result).empty() || content(*first).empty() || content(result) == content(*first);
      if (!same_content || measure(result) != measure(*first)) return false;
    }
  return true;
}

std::vector<Mark> score_marks(const std::vector<Group>& groups, const std::string& name) {
  std::vector<std::string> printed;
  const bool alike = measured_alike(groups);
  const auto metric = find_metric(name);
  for (const auto& group : groups)
    printed.push_back(alike && group.failed.empty() ? score_number(metric, group.score(name)) : "");
  return rank_marks(printed, metric.higher);
}

const Group* best_group(const std::vector<Group>& groups, const std::string& name) {
  const bool higher = find_metric(name).higher;
  const Group* best = nullptr;
  for (const auto& group : groups) {
    const double mean = group.score(name);
    if (!group.failed.empty() || !std::isfinite(mean)) continue;
    if (!best || (higher ? mean > best->score(name) : mean < best->score(name))) best = &group;
  }
  return best;
}

Estimate paired_difference(const Group& group, const Group& other, const std::string& name) {
  std::vector<double> differences;
  for (const auto* mine : group.done)
    for (const auto* its : other.done)
      if (mine->id.seed == its->id.seed)
        differences.push_back(score_of(mine->result, name) - score_of(its->result, name));
  return estimate(differences);
}

}  // namespace longwave
