#pragma once

#include <string>
#include <vector>

#include "longwave/io/toml.h"

namespace longwave {

/// The names of all registered sequence sets.
std::vector<std::string> names_of_sets();

/// The registered set of a name in compare.data: that name itself, or what [data.NAME] says is its `set`. UserError if
/// that is no set, or if the name is that of another one.
std::string set_of(const Sections& sections, const std::string& data);

}  // namespace longwave
