#include "longwave/cli/field_words.h"

#include <fmt/format.h>

namespace longwave {

Settings settings_of_words(const std::vector<std::string>& words) {
  Settings settings;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    check(equals != std::string::npos && equals > 0, "command line: '", word, "'; expected field=value");
    const auto text = word.substr(equals + 1);
    auto value = Json::parse(text, nullptr, false);
    settings[word.substr(0, equals)] = {value.is_discarded() ? Json(text) : value, "command line"};
  }
  return settings;
}

void print_fields(const std::vector<FieldInfo>& fields, const Json& config) {
  if (!fields.empty()) fmt::print("\nFields:\n");
  for (const auto& field : fields)
    fmt::print("  {:<20} {} = {}{}\n      {}\n", field.name, field.type, config.at(field.name).dump(),
               field.range.empty() ? "" : " (" + field.range + ")", field.help);
}

}  // namespace longwave
