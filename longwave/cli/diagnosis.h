#pragma once

#include <string>
#include <vector>

#include "longwave/base/fields.h"

namespace longwave {

/// What keeps this process slow according to an environment_report(), one sentence each, with what to do about it.
std::vector<std::string> diagnose(const Json& report);

}  // namespace longwave
