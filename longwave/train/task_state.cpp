#include "longwave/train/task_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "longwave/tasks/metrics.h"

namespace longwave {
namespace {

/// Optimiser steps of the task's own training, without self-pretraining; NaN if it is not known.
double own_steps(const CellResult& result) {
  const auto& about = result.about;
  if (!about.contains("total")) return std::nan("");
  const double before = about.contains("pretraining") ? about["pretraining"].at("steps").get<double>() : 0;
  return about["total"].at("steps").get<double>() - before;
}

/// Steps until the first validation that reached the limit; NaN if none did.
double steps_needed(const CellResult& result, const TrainConfig& train, const std::function<bool(double)>& reaches) {
  const auto first = std::find_if(result.curve.begin(), result.curve.end(),
                                  [&](const CurvePoint& point) { return reaches(point.val); });
  if (first == result.curve.end()) return std::nan("");
  const auto all = own_steps(result), epoch = static_cast<double>(first->epoch);
  const auto round = static_cast<double>(train.round_steps());
  return round > 0 ? std::min(epoch * round, all) : std::round(all * epoch / static_cast<double>(result.epochs));
}

std::string after(std::vector<double> steps) {
  std::erase_if(steps, [](double s) { return !std::isfinite(s); });
  if (steps.empty()) return "";
  const auto [low, high] = std::minmax_element(steps.begin(), steps.end());
  return *low == *high ? fmt::format(" after {:.0f} steps", *low)
                       : fmt::format(" after {:.0f} to {:.0f} steps", *low, *high);
}

}  // namespace

std::vector<std::string> solved_remarks(const Group& group, double limit) {
  std::vector<double> needed;
  double budget = 0;
  for (const auto* record : group.done) {
    const auto& result = record->result;
    const bool higher = find_metric(result.metric).higher;
    const auto reaches = [&](double score) { return higher ? score >= limit : score <= limit; };
    const auto score = result.scores.find(result.metric);
    if (score != result.scores.end() && reaches(score->second))
      needed.push_back(steps_needed(result, group.cells.front()->recipe.train, reaches));
    else
      budget = std::max(budget, own_steps(result));
  }
  const auto by = [&](std::size_t count) {
    return group.cells.size() > 1 ? fmt::format(" by {} of {} runs", count, group.cells.size()) : "";
  };
  std::vector<std::string> remarks;
  if (!needed.empty()) remarks.push_back("solved" + by(needed.size()) + after(needed));
  const auto missed = group.done.size() - needed.size();
  if (missed > 0) {
    remarks.push_back("not solved" + by(missed) + " within budget");
    if (budget > 0) remarks.back() += fmt::format(" ({:.0f} steps)", budget);
  }
  return remarks;
}

}  // namespace longwave
