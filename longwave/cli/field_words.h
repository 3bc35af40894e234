#pragma once

#include <string>
#include <vector>

#include "longwave/base/fields.h"

namespace longwave {

/// Settings from "field=value" words of the command line; a value that is no JSON is a word. UserError for other words.
Settings settings_of_words(const std::vector<std::string>& words);

/// Prints the fields of a configuration with their values and help.
void print_fields(const std::vector<FieldInfo>& fields, const Json& config);

}  // namespace longwave
