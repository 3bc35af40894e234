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

/// What a name in compare.models stands for: that name itself, or the registered mixer or forecaster that [model.NAME]
/// says is its `name`. UserError if that is none, or if a variant has the name of another one.
std::string model_of(const Sections& sections, const std::string& model, bool sequences);

}  // namespace longwave
