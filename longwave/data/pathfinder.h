#pragma once

#include <string>

#include "longwave/data/generated.h"
#include "longwave/data/pathfinder_drawing.h"
#include "longwave/data/pixel_form.h"

namespace longwave {

/// Configuration of the set `pathfinder`.
struct PathfinderConfig : GeneratedConfig, PixelForm {
  std::string resolution = "32", difficulty = "hard";
  std::int64_t contour_length = -1, distractors = -1, distractor_length = -1, seed_distance = -1;
  double continuity = -1;

  PathfinderConfig();
  static const FieldTable<PathfinderConfig>& fields();

  /// The drawing rule that it stands for. UserError if nothing can be drawn by it.
  PathfinderRule rule() const;
  /// Whether that is the published one of its resolution and difficulty.
  bool published() const;
};

}  // namespace longwave
