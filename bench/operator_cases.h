#pragma once

#include <utility>

#include "bench/cases.h"

namespace longwave::bench {

using NamedCase = std::pair<std::string, std::function<Case()>>;

/// Operators that are bound by arithmetic.
std::vector<NamedCase> operator_cases();

/// Operators that are a pass over memory: what they read and write, each tensor once, bounds them.
std::vector<NamedCase> memory_cases();

/// Operators of forecasters.
std::vector<NamedCase> forecaster_cases();

/// Recurrences one step at a time.
std::vector<NamedCase> step_cases();

/// Stacks of six blocks at the lengths of ListOps.
std::vector<NamedCase> listops_cases();

}  // namespace longwave::bench
