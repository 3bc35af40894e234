#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"

// Compiled once, in fields.cpp.
extern template class nlohmann::basic_json<nlohmann::ordered_map>;
extern template class nlohmann::detail::serializer<nlohmann::ordered_json>;

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

template <class T>  // int64 or double
Rule<T> at_least(T low);
template <class T>
Rule<T> between(T low, T high);
Rule<std::int64_t> odd();
Rule<double> positive();
/// For probabilities that must stay below one, such as dropout.
Rule<double> fraction();
Rule<std::string> one_of(std::vector<std::string> choices);

/// False if the value is of another type. Accepted beyond the type itself: an integer where a real number is expected,
/// 0 and 1 for false and true, null (an option that Python leaves out) for the text "none". Fields that are lists also
/// take one value alone.
bool read_value(const Json& json, bool& out);
bool read_value(const Json& json, std::int64_t& out);
bool read_value(const Json& json, double& out);
bool read_value(const Json& json, std::string& out);

/// A table of fields without the type of their struct: a field is an offset into it. Compiled once, where a template
/// would be compiled again for each of the many structs.
class FieldList {
 public:
  /// T: bool, int64, double, string, or a list of one of the last three.
  template <class T>
  void add(const std::string& name, std::ptrdiff_t offset, const T& fallback, const std::string& help, Rule<T> rule);
  void parse_into(void* config, const Settings& settings, const std::string& section, bool ignore_unknown) const;
  Json dump(const void* config) const;
  std::vector<FieldInfo> describe() const;
  std::vector<std::string> names() const;

 private:
  struct Field {
    FieldInfo info;
    std::function<void(void* config, const Setting&, const std::string& key)> set;
    std::function<Json(const void* config)> get;
  };
  const Field* find(const std::string& name) const;
  std::vector<Field> fields_;
};

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
    const auto* start = reinterpret_cast<const char*>(&defaults);
    const auto offset = reinterpret_cast<const char*>(&(defaults.*member)) - start;
    list_.add<T>(name, offset, defaults.*member, help, std::move(rule));
    return *this;
  }

  /// Defaults overwritten by `settings`. `section` names the keys in messages ("model" -> "model.d_model").
  /// An unknown key is an error with the nearest name, unless `ignore_unknown`.
  C parse(const Settings& settings, const std::string& section, bool ignore_unknown = false) const {
    C config;
    list_.parse_into(&config, settings, section, ignore_unknown);
    return config;
  }

  Json dump(const C& config) const { return list_.dump(&config); }
  std::vector<FieldInfo> describe() const { return list_.describe(); }
  std::vector<std::string> names() const { return list_.names(); }

 private:
  FieldList list_;
};

/// A JSON object as settings that all come from the same place.
Settings settings_from_json(const Json& object, const std::string& where);

}  // namespace longwave
