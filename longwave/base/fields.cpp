#include "longwave/base/fields.h"

#include <algorithm>
#include <cmath>

template class nlohmann::basic_json<nlohmann::ordered_map>;
template class nlohmann::detail::serializer<nlohmann::ordered_json>;

namespace longwave {

namespace {

/// The user's word for a type.
std::string type_name(const bool*) { return "true or false"; }
std::string type_name(const std::int64_t*) { return "integer"; }
std::string type_name(const double*) { return "number"; }
std::string type_name(const std::string*) { return "text"; }
template <class T>
std::string type_name(const std::vector<T>*) {
  return "list of " + type_name(static_cast<const T*>(nullptr));
}

template <class T>
bool read_value(const Json& json, std::vector<T>& out) {
  if (!json.is_array()) {  // a value alone is a list of one
    out.resize(1);
    return longwave::read_value(json, out[0]);
  }
  out.resize(json.size());
  for (std::size_t i = 0; i < json.size(); ++i)
    if (!longwave::read_value(json[i], out[i])) return false;
  return true;
}

template <class T>
T& at_offset(void* config, std::ptrdiff_t offset) {
  return *reinterpret_cast<T*>(static_cast<char*>(config) + offset);
}
template <class T>
const T& at_offset(const void* config, std::ptrdiff_t offset) {
  return *reinterpret_cast<const T*>(static_cast<const char*>(config) + offset);
}

}  // namespace

template <class T>
Rule<T> at_least(T low) {
  return {">= " + Json(low).dump(), [low](const T& v) { return v >= low; }};
}
template Rule<std::int64_t> at_least(std::int64_t);
template Rule<double> at_least(double);

template <class T>
Rule<T> between(T low, T high) {
  return {"in [" + Json(low).dump() + ", " + Json(high).dump() + "]",
          [low, high](const T& v) { return v >= low && v <= high; }};
}
template Rule<std::int64_t> between(std::int64_t, std::int64_t);
template Rule<double> between(double, double);

Rule<std::int64_t> odd() {
  return {"odd and >= 1", [](const std::int64_t& v) { return v >= 1 && v % 2 == 1; }};
}
Rule<double> positive() {
  return {"> 0 and finite", [](const double& v) { return v > 0 && std::isfinite(v); }};
}
Rule<double> fraction() {
  return {"in [0, 1)", [](const double& v) { return v >= 0 && v < 1; }};
}
Rule<std::string> one_of(std::vector<std::string> choices) {
  const auto text = "one of " + join(choices);
  return {text, [choices = std::move(choices)](const std::string& v) {
            return std::find(choices.begin(), choices.end(), v) != choices.end();
          }};
}

bool read_value(const Json& json, bool& out) {
  const bool zero_or_one = json.is_number_integer() && (json == 0 || json == 1);
  if (!json.is_boolean() && !zero_or_one) return false;
  out = zero_or_one ? json == 1 : json.get<bool>();
  return true;
}

bool read_value(const Json& json, std::int64_t& out) {
  if (!json.is_number_integer()) return false;
  out = json.get<std::int64_t>();
  return true;
}

bool read_value(const Json& json, double& out) {
  if (!json.is_number()) return false;
  out = json.get<double>();
  return std::isfinite(out);  // JSON, which runs are stored as, has no infinity
}

bool read_value(const Json& json, std::string& out) {
  if (json.is_number_integer())  // a name that looks like a number, such as resolution = 128
    return out = json.dump(), true;
  if (!json.is_string() && !json.is_null()) return false;
  out = json.is_null() ? "none" : json.get<std::string>();
  return true;
}

namespace {

/// As a recipe has it; JSON writes null for what is not finite.
std::string shown(const Json& value) {
  const bool finite = !value.is_number_float() || std::isfinite(value.get<double>());
  return finite ? value.dump() : std::to_string(value.get<double>());
}

}  // namespace

template <class T>
void FieldList::add(const std::string& name, std::ptrdiff_t offset, const T& fallback, const std::string& help,
                    Rule<T> rule) {
  const auto type = type_name(static_cast<const T*>(nullptr));
  const auto text = rule.text;
  const auto set = [=, rule = std::move(rule)](void* config, const Setting& setting, const std::string& key) {
    T value{};
    check(read_value(setting.value, value), setting.where, ": ", key, " is ", shown(setting.value), "; expected ", type,
          text.empty() ? "" : " " + text);
    check(!rule.holds || rule.holds(value), setting.where, ": ", key, " is ", shown(setting.value), "; expected ",
          text);
    at_offset<T>(config, offset) = std::move(value);
  };
  fields_.push_back({{name, type, Json(fallback).dump(), text, help}, set, [=](const void* config) {
                       return Json(at_offset<T>(config, offset));
                     }});
}
#define LONGWAVE_FIELD_TYPE(T) \
  template void FieldList::add(const std::string&, std::ptrdiff_t, const T&, const std::string&, Rule<T>);
LONGWAVE_FIELD_TYPE(bool)
LONGWAVE_FIELD_TYPE(std::int64_t)
LONGWAVE_FIELD_TYPE(double)
LONGWAVE_FIELD_TYPE(std::string)
LONGWAVE_FIELD_TYPE(std::vector<std::int64_t>)
LONGWAVE_FIELD_TYPE(std::vector<double>)
LONGWAVE_FIELD_TYPE(std::vector<std::string>)

void FieldList::parse_into(void* config, const Settings& settings, const std::string& section,
                           bool ignore_unknown) const {
  for (const auto& [key, setting] : settings) {
    const auto full = section.empty() ? key : section + "." + key;
    if (const auto* field = find(key))
      field->set(config, setting, full);
    else
      check(ignore_unknown, setting.where, ": unknown key ", full, suggestion(key, names()));
  }
}

Json FieldList::dump(const void* config) const {
  Json json = Json::object();
  for (const auto& field : fields_) json[field.info.name] = field.get(config);
  return json;
}

std::vector<FieldInfo> FieldList::describe() const {
  std::vector<FieldInfo> list;
  for (const auto& field : fields_) list.push_back(field.info);
  return list;
}

std::vector<std::string> FieldList::names() const {
  std::vector<std::string> list;
  for (const auto& field : fields_) list.push_back(field.info.name);
  return list;
}

const FieldList::Field* FieldList::find(const std::string& name) const {
  for (const auto& field : fields_)
    if (field.info.name == name) return &field;
  return nullptr;
}

Settings settings_from_json(const Json& object, const std::string& where) {
  Settings settings;
  for (const auto& [key, value] : object.items()) settings[key] = {value, where};
  return settings;
}

}  // namespace longwave
