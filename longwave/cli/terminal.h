#pragma once

#include <string>

#include "longwave/report/table.h"

namespace longwave {

/// The table as standard output takes it: as wide as the terminal with its emphasis, or 120 columns without.
std::string for_terminal(const Table& table);

/// Help with lines as wide, broken between words; what belongs to a description stays below it.
std::string help_for_terminal(const std::string& help);

}  // namespace longwave
