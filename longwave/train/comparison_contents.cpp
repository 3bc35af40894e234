#include "longwave/train/comparison_contents.h"

#include <algorithm>

namespace longwave {
namespace {

constexpr const char* kContent = "content";

/// The content that a stored cell was measured on; "" where that is not known.
std::string content_of(const CellRecord& record) {
  const auto data = record.id.recipe.find("data");
  if (data != record.id.recipe.end() && data->is_object() && data->contains(kContent) && data->at(kContent).is_string())
    return data->at(kContent);
  return record.result.about.value(kContent, "");
}

/// The key that the plan gives such a cell, which knows no contents.
std::string planned_key(CellId id) {
  if (id.recipe.contains("data") && id.recipe["data"].is_object()) id.recipe["data"].erase(kContent);
  return id.key();
}

template <class Plan, class Use>
void for_each_cell(Plan& plan, const Use& use) {
  for (auto& cell : plan.cells) use(cell);
  for (auto& search : plan.searches)
    for (auto& trial : search.trials)
      for (auto& cell : trial.cells) use(cell);
}

/// Stored cells of sequence sets by the key that the plan gives them.
std::multimap<std::string, const CellRecord*> by_planned_key(const std::vector<CellRecord>& stored) {
  std::multimap<std::string, const CellRecord*> found;
  for (const auto& record : stored)
    if (record.id.task == "sequence") found.emplace(planned_key(record.id), &record);
  return found;
}

}  // namespace

std::map<std::string, std::vector<std::string>> stored_contents(const Comparison& plan,
                                                                const std::vector<CellRecord>& stored) {
  std::map<std::string, std::vector<std::string>> contents;
  const auto known = by_planned_key(stored);
  for_each_cell(plan, [&](const ComparisonCell& cell) {
    const auto [first, last] = known.equal_range(cell.key);
    auto& list = contents[cell.id.data];
    for (auto it = first; it != last; ++it)
      if (const auto content = content_of(*it->second);
          !content.empty() && std::find(list.begin(), list.end(), content) == list.end())
        list.push_back(content);
  });
  return contents;
}

std::map<std::string, std::size_t> take_contents(Comparison& plan, const Contents& contents,
                                                 const std::vector<CellRecord>& stored) {
  std::map<std::string, std::size_t> others;
  const auto known = by_planned_key(stored);
  for_each_cell(plan, [&](ComparisonCell& cell) {
    const auto wanted = contents.find(cell.id.data);
    if (wanted == contents.end() || wanted->second.empty()) return;
    const auto [first, last] = known.equal_range(cell.key);
    cell.id.recipe["data"][kContent] = wanted->second;
    for (auto it = first; it != last; ++it)
      if (content_of(*it->second) == wanted->second)
        cell.id = it->second->id;
      else
        others[cell.id.data] += it->second->state == CellState::done;
    cell.key = cell.id.key();
  });
  std::erase_if(others, [](const auto& entry) { return entry.second == 0; });
  return others;
}

}  // namespace longwave
