#include "longwave/train/comparison_names.h"

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/data/sequence_data.h"
#include "longwave/mixers/mixer.h"
#include "longwave/models/forecaster.h"
#include "longwave/train/recipe.h"

namespace longwave {

std::vector<std::string> names_of_sets() {
  std::vector<std::string> names;
  for (const auto& [name, info] : sequence_data_sets()) names.push_back(name);
  return names;
}

std::string set_of(const Sections& sections, const std::string& data) {
  const auto section = sections.find("data." + data);
  if (section == sections.end() || !section->second.contains("set")) return data;
  const auto& setting = section->second.at("set");
  check(setting.value.is_string(), setting.where, ": data.", data, ".set is ", setting.value.dump(),
        "; expected the name of a set in quotes");
  const auto set = setting.value.get<std::string>();
  check(sequence_data_sets().contains(set), setting.where, ": data.", data, ".set is ", set,
        "; no set has that name (longwave data list)", suggestion(set, names_of_sets()));
  check(set == data || !sequence_data_sets().contains(data), setting.where, ": data.", data, ".set is ", set, "; ",
        data, " is a set itself, so the variant needs another name");
  return set;
}

std::string model_of(const Sections& sections, const std::string& model, bool sequences) {
  const auto section = sections.find("model." + model);
  if (section == sections.end() || !section->second.contains("name")) return model;
  const auto& setting = section->second.at("name");
  const auto what = setting.where + ": model." + model + ".name";
  check(setting.value.is_string(), what, " is ", setting.value.dump(), "; expected the name of a model in quotes");
  const auto name = setting.value.get<std::string>();
  try {
    check_model_name(name, sequences);
  } catch (const UserError& error) {
    fail(what, ": ", error.what());
  }
  const bool taken = sequences ? mixers().contains(model) : forecasters().contains(model);
  check(name == model || !taken, what, " is ", name, "; ", model,
        " is a model itself, so the variant needs another name");
  return name;
}

}  // namespace longwave
