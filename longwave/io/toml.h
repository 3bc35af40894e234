#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "longwave/base/fields.h"

namespace longwave {

/// A recipe as written: section name -> settings. Nested tables are dotted ("model.head"); keys before the first table
/// are section "". Every setting knows its place ("file:line:column" or "command line").
using Sections = std::map<std::string, Settings>;

/// Where a setting stands that apply_override made.
inline constexpr const char* kCommandLine = "command line";

/// Parses TOML text. A syntax error is a UserError of one line, "name:line:column: what".
/// Arrays of tables become lists of JSON objects; dates and times become text.
Sections parse_toml(const std::string& text, const std::string& name);

/// The same from a file.
Sections read_toml(const std::filesystem::path& path);

/// Applies `section.key=value` over what the file says. The value is TOML; what is not TOML is text as it stands.
void apply_override(Sections& sections, const std::string& assignment);

/// UserError with the nearest name if there is a section that is not in `known`.
void check_sections(const Sections& sections, const std::vector<std::string>& known);

/// {"section": {"key": value, ...}, ...} as TOML that parse_toml reads back to the same values.
std::string to_toml(const Json& sections);

}  // namespace longwave
