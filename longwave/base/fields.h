#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"

namespace longwave {

/// Keys keep their order, so that dumps read like the tables they come from.
using Json = nlohmann::ordered_json;

/// A value that a user wrote, and where ("recipe.toml:12:3", "command line").
struct Setting {
  Json value;
  std::string where;
};

/// One section of a recipe: key -> setting. Nothing is typed or checked yet.
using Settings = std::map<std::string, Setting>;

/// What a field of a typed configuration looks like from outside: for --help, docs and tables.
struct FieldInfo {
  std::string name, type, fallback, range, help;
};

/// A condition on a value, with the words for it.
template <class T>
struct Rule {
  std::string text;
  std::function<bool(const T&)> holds;
};

template <class T>
Rule<T> at_least(T low) {
  return {">= " + Json(low).dump(), [low](const T& v) { return v >= low; }};
}
template <class T>
Rule<T> between(T low, T high) {
  return {"in [" + Json(low).dump() + ", " + Json(high).dump() + "]",
          [low, high](const T& v) { return v >= low && v <= high; }};
}
inline Rule<std::int64_t> odd() {
  return {"odd and >= 1", [](const std::int64_t& v) { return v >= 1 && v % 2 == 1; }};
}
/// For probabilities that must stay below one, such as dropout.
inline Rule<double> fraction() {
  return {"in [0, 1)", [](const double& v) { return v >= 0 && v < 1; }};
}
inline Rule<std::string> one_of(std::vector<std::string> choices) {
  return {"one of " + join(choices),
          [choices](const std::string& v) { return std::find(choices.begin(), choices.end(), v) != choices.end(); }};
}

/// Types a field can have: bool, int64, double, string, and lists of the last three. `name` is the user's word for it;
/// `read` returns false if the JSON value is of another type. Accepted beyond the type itself: an integer where a real
/// number is expected, 0 and 1 for false and true, null (an option that Python leaves out) for the text "none".
std::string type_name(const bool*);
std::string type_name(const std::int64_t*);
std::string type_name(const double*);
std::string type_name(const std::string*);
template <class T>
std::string type_name(const std::vector<T>*) {
  return "list of " + type_name(static_cast<const T*>(nullptr));
}
bool read_value(const Json& json, bool& out);
bool read_value(const Json& json, std::int64_t& out);
bool read_value(const Json& json, double& out);
bool read_value(const Json& json, std::string& out);
template <class T>
bool read_value(const Json& json, std::vector<T>& out) {
  if (!json.is_array()) return false;
  out.resize(json.size());
  for (std::size_t i = 0; i < json.size(); ++i)
    if (!read_value(json[i], out[i])) return false;
  return true;
}

/// The table from which parsing, validation, --help, docs and the resolved dump of a configuration struct C come.
///
///   struct Config {
///     std::int64_t d_model = 64;
///     static const FieldTable<Config>& fields();
///   };
///   const FieldTable<Config>& Config::fields() {
///     static const auto table = FieldTable<Config>().add("d_model", &Config::d_model, "width of a token",
///     at_least<std::int64_t>(1)); return table;
///   }
template <class C>
class FieldTable {
 public:
  template <class T>
  FieldTable& add(const std::string& name, T C::*member, const std::string& help, Rule<T> rule = {}) {
    const C defaults;
    fields_.push_back({
        {name, type_name(static_cast<const T*>(nullptr)), Json(defaults.*member).dump(), rule.text, help},
        [=](C& config, const Setting& setting, const std::string& key) {
          T value{};
          check(read_value(setting.value, value), setting.where, ": ", key, " is ", setting.value.dump(), "; expected ",
                type_name(static_cast<const T*>(nullptr)), rule.text.empty() ? "" : " " + rule.text);
          check(!rule.holds || rule.holds(value), setting.where, ": ", key, " is ", setting.value.dump(), "; expected ",
                rule.text);
          config.*member = value;
        },
        [=](const C& config) { return Json(config.*member); },
    });
    return *this;
  }

  /// Defaults overwritten by `settings`. `section` names the keys in messages ("model" -> "model.d_model").
  /// An unknown key is an error with the nearest name, unless `ignore_unknown`.
  C parse(const Settings& settings, const std::string& section, bool ignore_unknown = false) const {
    C config;
    for (const auto& [key, setting] : settings) {
      const auto full = section.empty() ? key : section + "." + key;
      if (const auto* field = find(key))
        field->set(config, setting, full);
      else
        check(ignore_unknown, setting.where, ": unknown key ", full, suggestion(key, names()));
    }
    return config;
  }

  Json dump(const C& config) const {
    Json json = Json::object();
    for (const auto& field : fields_) json[field.info.name] = field.get(config);
    return json;
  }

  std::vector<FieldInfo> describe() const {
    std::vector<FieldInfo> list;
    for (const auto& field : fields_) list.push_back(field.info);
    return list;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const auto& field : fields_) list.push_back(field.info.name);
    return list;
  }

 private:
  struct Field {
    FieldInfo info;
    std::function<void(C&, const Setting&, const std::string& key)> set;
    std::function<Json(const C&)> get;
  };
  const Field* find(const std::string& name) const {
    for (const auto& field : fields_)
      if (field.info.name == name) return &field;
    return nullptr;
  }
  std::vector<Field> fields_;
};

/// A JSON object as settings that all come from the same place.
Settings settings_from_json(const Json& object, const std::string& where);

}  // namespace longwave
