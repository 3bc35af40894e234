#include "longwave/io/toml.h"

#include <toml++/toml.h>

#include <sstream>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/base/suggest.h"

namespace longwave {
namespace {

template <class T>
std::string text_of(const T& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

Json to_json(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    Json json = Json::object();
    for (const auto& [key, value] : *table) json[std::string(key.str())] = to_json(value);
    return json;
  }
  if (const auto* array = node.as_array()) {
    Json json = Json::array();
    for (const auto& value : *array) json.push_back(to_json(value));
    return json;
  }
  if (const auto* value = node.as_string()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* value = node.as_boolean()) return value->get();
  if (const auto* value = node.as_date()) return text_of(value->get());
  if (const auto* value = node.as_time()) return text_of(value->get());
  return text_of(node.as_date_time()->get());
}

std::string place(const std::string& name, const toml::source_region& source) {
  return name + ":" + std::to_string(source.begin.line) + ":" + std::to_string(source.begin.column);
}

void add_table(Sections& sections, const toml::table& table, const std::string& section, const std::string& name) {
  auto& settings = sections[section];
  for (const auto& [key, value] : table) {
    const std::string word(key.str());
    if (const auto* inner = value.as_table())
      add_table(sections, *inner, section.empty() ? word : section + "." + word, name);
    else
      settings[word] = {to_json(value), place(name, key.source())};
  }
}

toml::table parse(const std::string& text, const std::string& name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    std::string words(error.description());
    std::replace(words.begin(), words.end(), '\n', ' ');
    fail(place(name, error.source()), ": not valid TOML: ", words);
  }
}

/// The value of an override; bare words, which are no TOML, stand for themselves.
Json override_value(const std::string& text) {
  try {
    return to_json(*toml::parse("v = " + text).get("v"));
  } catch (const toml::parse_error&) {
    return text;
  }
}

}  // namespace

Sections parse_toml(const std::string& text, const std::string& name) {
  Sections sections;
  add_table(sections, parse(text, name), "", name);
  if (sections[""].empty()) sections.erase("");
  return sections;
}

Sections read_toml(const std::filesystem::path& path) { return parse_toml(read_file(path), path.string()); }

void apply_override(Sections& sections, const std::string& assignment) {
  const auto equals = assignment.find('=');
  const auto dot = assignment.rfind('.', equals);
  check(equals != std::string::npos && dot != std::string::npos && dot > 0 && dot + 1 < equals, "command line: '",
        assignment, "' is not an override; expected section.key=value, for example train.seed=2");
  sections[assignment.substr(0, dot)][assignment.substr(dot + 1, equals - dot - 1)] = {
      override_value(assignment.substr(equals + 1)), kCommandLine};
}

void check_sections(const Sections& sections, const std::vector<std::string>& known) {
  for (const auto& [section, settings] : sections) {
    if (std::find(known.begin(), known.end(), section) != known.end()) continue;
    const auto where = settings.empty() ? std::string() : settings.begin()->second.where + ": ";
    check(!section.empty(), where, settings.empty() ? "" : settings.begin()->first,
          " stands before the first section; expected one of [", join(known, "] ["), "] above it");
    fail(where, "unknown section [", section, "]", suggestion(section, known));
  }
}

std::string to_toml(const Json& sections) {
  std::string text;
  for (const auto& [section, settings] : sections.items()) {
    text += (text.empty() ? "[" : "\n[") + section + "]\n";
    for (const auto& [key, value] : settings.items()) text += key + " = " + value.dump() + "\n";
  }
  return text;
}

}  // namespace longwave
