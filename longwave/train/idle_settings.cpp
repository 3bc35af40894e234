#include "longwave/train/idle_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "longwave/base/check.h"

namespace longwave {
namespace {

/// A setting and the goals that take it.
struct Use {
  const char *section, *key;
  std::vector<SequenceGoal> goals;
};

const std::vector<Use>& uses() {
  using enum SequenceGoal;
  static const std::vector<Use> list = {
      {"model", "pool", {classify, classify_pair}},
      {"model", "pair_head", {classify_pair}},
      {"model", "tied", {language}},
      {"model", "cutoffs", {language}},
      {"model", "division", {language}},
      {"task", "evaluation", {language}},
      {"task", "context", {language}},
      {"task", "stride", {language}},
  };
  return list;
}

}  // namespace

IdleSettings idle_settings(const Recipe& recipe, SequenceGoal goal) {
  const auto task = SequenceTaskConfig::fields().dump(recipe.sequence);
  const auto usual_task = SequenceTaskConfig::fields().dump({}), usual_model = SequenceModelConfig::fields().dump({});
  IdleSettings idle;
  for (const auto& [section, key, goals] : uses()) {
    const bool of_model = std::string(section) == "model";
    const auto& value = (of_model ? recipe.model_config : task).at(key);
    const bool given = value != (of_model ? usual_model : usual_task).at(key);
    if (!given || std::find(goals.begin(), goals.end(), goal) != goals.end()) continue;
    std::vector<std::string> names;
    for (const auto taking : goals) names.emplace_back(name_of(taking));
    const auto name = fmt::format("{}.{}", section, key);
    idle[name] = fmt::format("{} = {} has no effect on {}, a set of goal {}; expected none, or a set of goal {}", name,
                             value.dump(), recipe.task.data, name_of(goal), join(names, " or "));
  }
  return idle;
}

}  // namespace longwave
