#include "longwave/train/data_variant.h"

#include <fmt/format.h>

#include "longwave/data/sequence_data.h"

namespace longwave {

std::string data_variant(const Recipe& recipe) {
  if (!recipe.is_sequence()) return {};
  const auto& set = find_sequence_data(recipe.task.data);
  const auto usual = set.resolve({}, "data");
  auto text = set.name;
  const auto is_telling = [&](const std::string& key, const Json& value) {
    if (value != usual.value(key, Json())) return true;
    const bool by_itself = value == "" || value == "none" || value == "auto" || value == "protocol" ||
                           key == "protocol";  // told elsewhere
    return value.is_string() && !by_itself;
  };
  for (const auto& [key, value] : recipe.data.items())
    if (is_telling(key, value))
      text += fmt::format(", {} {}", key, value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

Json about_of(const Recipe& recipe, const Task& task) {
  auto about = task.about();
  if (recipe.is_sequence()) about["variant"] = data_variant(recipe);
  return about;
}

}  // namespace longwave
