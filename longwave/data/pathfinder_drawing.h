#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "longwave/base/random.h"
#include "longwave/data/pathfinder_strokes.h"

namespace longwave {

/// Parameters of the drawings (Linsley et al. 2018; Tay et al. 2021). Lengths in pixels unless said otherwise.
struct PathfinderRule {
  int side = 32, padding = 1;  // of the image; width of the border that stays free of contours
  int stroke_length = 2;
  double stroke_thickness = 0.5;
  std::vector<int> margins{1};  // one is drawn for every image
  int seed_distance = 7;        // between the beginnings of the two contours
  double mark_radius = 1.5;
  int contour_length = 14;                       // strokes of each of the two contours
  int distractors = 5, distractor_length = 4;    // tried; strokes of each
  double continuity = 1;                         // the higher, the straighter
  double contrast = 2, contour_contrast = 0.75;  // of all strokes; factor of those of the two contours
};

/// The published parameters for images of 32, 64, 128 or 256 pixels a side; contours of 6, 9 or 14 strokes are the
/// easy, the intermediate and the hard set.
PathfinderRule pathfinder_rule(int side, int contour_length);

struct PathfinderImage {
  std::vector<std::uint8_t> pixels;  // [side, side]
  bool connected = false;            // both marks lie on one contour
  int margin = 0;
  Pixel marks[2] = {};  // where they are
  // How it came about.
  std::int64_t attempts = 0;           // to draw the two contours
  std::int64_t distractor_tries = 0;   // to draw a distractor
  std::int64_t distractors_drawn = 0;  // of those allowed
};

class PathfinderStage;

/// Draws images by rejection as the reference does: an attempt that gets stuck is thrown away whole. Thread-safe.
class PathfinderDrawing {
 public:
  explicit PathfinderDrawing(const PathfinderRule& rule);
  ~PathfinderDrawing();

  /// The image that these random numbers give.
  void draw(RandomStream random, PathfinderImage& out) const;

 private:
  PathfinderRule rule_;
  LanczosShrink shrink_;
  std::vector<std::unique_ptr<const PathfinderStage>> stages_;  // one for every margin
};

}  // namespace longwave
