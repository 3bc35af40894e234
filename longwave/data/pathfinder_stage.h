#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "longwave/data/pathfinder_drawing.h"

namespace longwave {

/// A map of the image with a frame around it, so that what sticks out needs no checks.
struct PathfinderMap {
  int side, frame, stride;
  PathfinderMap(int image_side, int frame_width)
      : side(image_side), frame(frame_width), stride(image_side + 2 * frame_width) {}
  int cells() const { return stride * stride; }
  /// The cell of row y, column x of the image.
  int at(int y, int x) const { return (y + frame) * stride + x + frame; }
  int at(Pixel p) const { return at(p.y, p.x); }
  Pixel pixel(int cell) const { return {cell / stride - frame, cell % stride - frame}; }
  bool inside(Pixel p) const { return p.y >= 0 && p.y < side && p.x >= 0 && p.x < side; }
};

/// What an attempt changes: how much of every cell is taken (255: all), and the same widened by the margin. Cells of
/// the frame are never taken, but always count as taken when widened.
struct PathfinderRoom {
  std::vector<std::uint8_t> taken, widened;
};

/// A stroke that is to be inked: its middle is at `cell` of the map.
struct PlacedStroke {
  int cell, stroke;
};

/// A contour that grows.
struct PathfinderContour {
  Pixel pivot;    // around which the last stroke was chosen
  int direction;  // of the last stroke
  PlacedStroke pending;
  Pixel tip;  // end of the last stroke
};

/// Everything about strokes that depends on the rule and one margin alone, in tables; and the steps of the drawing.
/// Directions 0 .. 359 are the whole degrees -180 .. 179 in which contours begin, the others those in which they go on.
class PathfinderStage {
 public:
  PathfinderStage(const PathfinderRule& rule, int margin);

  int margin() const { return margin_; }
  const PathfinderMap& map() const { return map_; }
  const PathfinderRoom& empty() const { return empty_; }
  const Stroke& stroke(int i) const { return strokes_[i].drawn; }

  /// Whether so little is left that no further distractor is begun.
  bool full(const PathfinderRoom& room) const;
  /// Begins the two contours. False: this attempt has failed.
  bool seed_pair(RandomStream& random, std::array<PathfinderContour, 2>& pair) const;
  /// Begins a distractor where `room` leaves space. `tries` are counted.
  bool seed(RandomStream& random, const PathfinderRoom& room, PathfinderContour& contour) const;
  /// Adds a stroke; what the one before takes up is then in `room`. False: stuck.
  bool extend(RandomStream& random, PathfinderRoom& room, PathfinderContour& contour) const;
  /// Takes up the room of a stroke.
  void take(PathfinderRoom& room, PlacedStroke placed) const;

 private:
  struct Part {
    int offset;  // in cells of the map, from the middle of the stroke
    std::uint8_t value;
  };
  /// A stroke, with the parts of its room: all that is taken; the same widened; and what must not be taken by more than
  /// `value` already.
  struct Tables {
    Stroke drawn;
    std::vector<Part> taken, widened, limits;
  };
  struct Beginning {
    Way to_head, to_pivot;  // from the tail to the head, from there to the pivot
    bool usable = false;
    std::vector<Pixel> needed;       // cells that must be free
    std::vector<std::int32_t> free;  // cells where the first contour can begin
  };
  struct Candidate {
    Pixel place;
    double angle;
    int offset;
  };

  void find_candidates();
  void make_tables(double angle, Tables& tables) const;
  void make_beginning(int direction);
  double angle_of(int direction) const;
  bool reaches_inside(const std::vector<Pixel>& needed) const;
  void find_free(const std::vector<std::uint8_t>& taken, const Beginning& beginning,
                 std::vector<std::int32_t>& free) const;
  bool begin(int direction, Pixel tail, PathfinderContour& contour) const;
  bool clashes(const PathfinderRoom& room, PlacedStroke placed) const;

  PathfinderRule rule_;
  int margin_;
  PathfinderMap map_;
  PathfinderRoom empty_;
  std::vector<std::uint8_t> inside_;  // 255 in the image, 0 in the frame
  std::vector<Candidate> candidates_;
  std::vector<Tables> strokes_;               // by direction; those that go on are drawn backwards
  std::vector<Beginning> beginnings_;         // by degree
  std::vector<Way> advance_;                  // by direction: from pivot to pivot
  std::vector<std::vector<float>> straight_;  // [direction][candidate]: weight
};

}  // namespace longwave
