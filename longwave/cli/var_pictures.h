#pragma once

#include <string>

#include "longwave/cli/var_inspection.h"
#include "longwave/report/svg.h"

namespace longwave {

/// Pictures of an inspection: the weights by lag, what each layer adds, the influence paths, the window itself.
std::string draw_weights(const VarInspection& inspection, SvgUse use);
std::string draw_contributions(const VarInspection& inspection, bool main, SvgUse use);
std::string draw_paths(const VarInspection& inspection, SvgUse use);
std::string draw_window(const VarInspection& inspection, SvgUse use);

/// A path in words, newest token first.
std::string path_words(const VarInspection& inspection, const InfluencePath& path);

/// All of them as one page.
std::string inspection_page(const VarInspection& inspection);

}  // namespace longwave
