#include "longwave/models/config_keys.h"

#include "longwave/base/suggest.h"

namespace longwave {

Json mixer_meaning(const MixerInfo& info, const Json& config) {
  MixerSizes sizes;
  Json settings = config, meaning;
  info.reference.configure(config, sizes, settings);
  for (const auto& field : info.fields) {
    if (settings.contains(field.name)) meaning["settings"][field.name] = settings[field.name];
    if (config.contains(field.name)) meaning["given"][field.name] = config[field.name];  // though it be replaced
  }
  meaning["sizes"] = {sizes.d, sizes.l_max};
  return meaning;
}

std::string about_unread_keys(const Json& config, const std::function<Json(const Json&)>& meaning) {
  const auto all = meaning(config);
  const auto is_read = [&](const std::string& key) {
    auto without = config;
    without.erase(key);
    try {
      return meaning(without) != all;
    } catch (const Json::exception&) {
      return true;  // it must be there
    }
  };
  std::vector<std::string> unread;
  for (const auto& item : config.items())
    if (!is_read(item.key())) unread.push_back(item.key());
  return unread.empty() ? "" : "keys of its config that are not read here: " + join(unread);
}

}  // namespace longwave
