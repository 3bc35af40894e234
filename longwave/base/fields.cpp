#include "longwave/base/fields.h"

namespace longwave {

std::string type_name(const bool*) { return "true or false"; }
std::string type_name(const std::int64_t*) { return "integer"; }
std::string type_name(const double*) { return "number"; }
std::string type_name(const std::string*) { return "text"; }

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
  return true;
}

bool read_value(const Json& json, std::string& out) {
  if (!json.is_string() && !json.is_null()) return false;
  out = json.is_null() ? "none" : json.get<std::string>();
  return true;
}

Settings settings_from_json(const Json& object, const std::string& where) {
  Settings settings;
  for (const auto& [key, value] : object.items()) settings[key] = {value, where};
  return settings;
}

}  // namespace longwave
