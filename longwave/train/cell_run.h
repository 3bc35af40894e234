#pragma once

#include <filesystem>

#include "longwave/report/store.h"
#include "longwave/train/recipe.h"

namespace longwave {

/// Trains and scores one cell of a comparison with run_experiment; adds cost and a few forecasts for the report.
/// Progress goes to stderr. Throws what run_experiment throws.
CellResult run_cell(const Recipe& recipe, const std::filesystem::path& data);

}  // namespace longwave
