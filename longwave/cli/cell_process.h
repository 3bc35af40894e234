#pragma once

#include <filesystem>
#include <string>

#include "longwave/report/store.h"
#include "longwave/train/recipe.h"

namespace longwave {

/// What running a cell in a process of its own brought: a result, or one line that says why not.
struct CellOutcome {
  bool ok = false;
  bool stopped = false;  // by a signal from outside: no fault of the cell
  CellResult result;
  std::string error;
};

/// Runs the cell as a child `longwave compare --cell`, so that a crash or lack of memory ends that cell alone and its
/// peak memory is its own. The child ends with this process. Throws Interrupted on Ctrl-C and SIGTERM.
CellOutcome run_cell_process(const Recipe& recipe, const std::filesystem::path& data);

/// The child's side: the cell from stdin, the outcome to stdout.
void serve_cell_process();

}  // namespace longwave
