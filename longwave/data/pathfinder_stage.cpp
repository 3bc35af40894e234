#include "longwave/data/pathfinder_stage.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace longwave {
namespace {

constexpr int kDegrees = 360;
constexpr int kStrokeTries = 3;
constexpr std::uint8_t kAll = 255;
constexpr int kMostShared = 459;        // strokes may not share a cell in which their rooms add up to 1.8
constexpr std::uint8_t kOccupied = 77;  // a cell is free up to 0.3
constexpr double kLeastFree = 0.01;     // of the image, to begin another distractor
constexpr double kLeastWeight = 1e-4;
constexpr double kPi = std::numbers::pi;

double radians(int degree) { return degree * kPi / 180; }
double reversed(double angle) { return angle < 0 ? angle + kPi : angle - kPi; }

/// Wide enough for a pivot outside the image, the candidates around it, and half a stroke beyond those.
int frame_of(const PathfinderRule& rule, int margin) {
  const int radius = rule.stroke_length + margin;
  const int pivot = radius + rule.stroke_length + 2 * margin + 2;
  const int stroke = StrokeShape{rule.stroke_length, rule.stroke_thickness, margin}.reach() + margin;
  return std::max({pivot + radius + 1, stroke + 1, 1 + 2 * radius});
}

}  // namespace

PathfinderStage::PathfinderStage(const PathfinderRule& rule, int margin)
    : rule_(rule), margin_(margin), map_(rule.side, frame_of(rule, margin)) {
  inside_.resize(map_.cells());
  empty_.taken.resize(map_.cells());
  empty_.widened.resize(map_.cells(), kAll);
  for (int y = 0; y < rule.side; ++y)
    for (int x = 0; x < rule.side; ++x) {
      const int border = std::min({y, x, rule.side - 1 - y, rule.side - 1 - x});
      inside_[map_.at(y, x)] = kAll;
      empty_.taken[map_.at(y, x)] = border < rule.padding ? kAll : 0;
      empty_.widened[map_.at(y, x)] = border < rule.padding + margin ? kAll : 0;
    }
  find_candidates();
  const int directions = kDegrees + static_cast<int>(candidates_.size());
  strokes_.resize(directions);
  for (int d = 0; d < directions; ++d) {
    const auto angle = angle_of(d);
    make_tables(d < kDegrees ? angle : reversed(angle), strokes_[d]);
    advance_.emplace_back(angle, rule.stroke_length + 2 * margin);
    auto& weights = straight_.emplace_back();
    for (const auto& candidate : candidates_) {
      const auto turn = std::abs(candidate.angle - angle);
      const auto bend = std::min(std::min(turn, 2 * kPi - turn) * rule.continuity, kPi / 2);
      weights.push_back(static_cast<float>(std::pow(std::max(std::cos(bend), 0.0), 2)));
    }
  }
  for (int d = 0; d < kDegrees; ++d) make_beginning(d);
}

double PathfinderStage::angle_of(int direction) const {
  return direction < kDegrees ? radians(direction - kDegrees / 2) : candidates_[direction - kDegrees].angle;
}

/// The cells of a circle around the pivot, one for about every pixel of its arc.
void PathfinderStage::find_candidates() {
  const double radius = rule_.stroke_length + margin_;
  const double step = 360 / (2 * radius * kPi);
  std::vector<Pixel> places;
  for (int i = 0; i * step < 360; ++i) {
    const auto angle = i * step * kPi / 180;
    places.push_back({static_cast<int>(std::floor(radius * std::sin(angle))),
                      static_cast<int>(std::floor(radius * std::cos(angle)))});
  }
  std::sort(places.begin(), places.end(), [](Pixel a, Pixel b) { return a.y != b.y ? a.y < b.y : a.x < b.x; });
  places.erase(std::unique(places.begin(), places.end()), places.end());
  for (const auto place : places)
    candidates_.push_back({place, std::atan2(place.y, place.x), place.y * map_.stride + place.x});
}

void PathfinderStage::make_tables(double angle, Tables& tables) const {
  tables.drawn = draw_stroke({rule_.stroke_length, rule_.stroke_thickness, margin_}, angle);
  const int reach = tables.drawn.side / 2, wide = reach + margin_, wide_side = 2 * wide + 1;
  std::vector<std::uint8_t> widened(static_cast<std::size_t>(wide_side * wide_side));
  for (int y = -reach; y <= reach; ++y)
    for (int x = -reach; x <= reach; ++x) {
      const auto value = tables.drawn.room[(y + reach) * tables.drawn.side + x + reach];
      if (value == 0) continue;
      const int offset = y * map_.stride + x;
      tables.taken.push_back({offset, value});
      if (kMostShared - value <= kAll)
        tables.limits.push_back({offset, static_cast<std::uint8_t>(kMostShared - value)});
      for (int v = -margin_; v <= margin_; ++v)
        for (int u = -margin_; u <= margin_; ++u)
          if (v * v + u * u <= margin_ * margin_) {
            auto& cell = widened[(y + v + wide) * wide_side + x + u + wide];
            cell = std::max(cell, value);
          }
    }
  for (int y = -wide; y <= wide; ++y)
    for (int x = -wide; x <= wide; ++x)
      if (const auto value = widened[(y + wide) * wide_side + x + wide]; value > 0)
        tables.widened.push_back({y * map_.stride + x, value});
}

/// Where a contour that begins in a direction has its first pivot, and which cells it needs. These are one cell off the
/// stroke itself, down and to the right, as in the reference.
bool PathfinderStage::reaches_inside(const std::vector<Pixel>& needed) const {
  for (int y = 0; y < rule_.side; ++y)
    for (int x = 0; x < rule_.side; ++x)
      if (std::none_of(needed.begin(), needed.end(), [&](Pixel s) { return map_.inside({y + s.y, x + s.x}); }))
        return false;
  return true;
}

void PathfinderStage::make_beginning(int direction) {
  const auto angle = angle_of(direction);
  const int radius = rule_.stroke_length + margin_;
  Beginning beginning{Way(angle, rule_.stroke_length), Way(reversed(angle), radius), false, {}, {}};
  const auto& drawn = strokes_[direction].drawn;
  const int reach = drawn.side / 2;
  for (int y = -reach; y <= reach; ++y)
    for (int x = -reach; x <= reach; ++x)
      if (drawn.room[(y + reach) * drawn.side + x + reach] == kAll && std::abs(y + 1) <= radius &&
          std::abs(x + 1) <= radius)
        beginning.needed.push_back({y + 1, x + 1});
  beginning.usable = reaches_inside(beginning.needed);
  auto taken = empty_.taken;
  for (int y = 0; y < rule_.side; ++y)
    for (int x = 0; x < rule_.side; ++x)
      if (std::min({y, x, rule_.side - 1 - y, rule_.side - 1 - x}) < 2 * rule_.seed_distance)
        taken[map_.at(y, x)] = kAll;
  find_free(taken, beginning, beginning.free);
  beginnings_.push_back(std::move(beginning));
}

/// Cells where none of those needed is occupied. None at all if somewhere in the image every cell needed lies outside:
/// the reference takes such directions for blocked, which leaves few of them.
void PathfinderStage::find_free(const std::vector<std::uint8_t>& taken, const Beginning& beginning,
                                std::vector<std::int32_t>& free) const {
  free.clear();
  if (!beginning.usable) return;
  for (int y = 0; y < rule_.side; ++y)
    for (int x = 0; x < rule_.side; ++x) {
      const int cell = map_.at(y, x);
      if (std::none_of(beginning.needed.begin(), beginning.needed.end(),
                       [&](Pixel s) { return taken[cell + s.y * map_.stride + s.x] >= kOccupied; }))
        free.push_back(cell);
    }
}

/// Places the first stroke. False if its head or pivot is outside.
bool PathfinderStage::begin(int direction, Pixel tail, PathfinderContour& contour) const {
  const auto head = beginnings_[direction].to_head.from(tail), pivot = beginnings_[direction].to_pivot.from(head);
  contour = {pivot, direction, {map_.at(tail), direction}, tail};
  return map_.inside(head) && map_.inside(pivot);
}

bool PathfinderStage::seed_pair(RandomStream& random, std::array<PathfinderContour, 2>& pair) const {
  const auto first = [&] {
    for (int i = 0; i < kStrokeTries; ++i) {
      const auto direction = static_cast<int>(random.below(kDegrees));
      const auto& free = beginnings_[direction].free;
      if (free.empty()) return false;
      const int cell = free[random.below(free.size())];
      if (begin(direction, map_.pixel(cell), pair[0])) return true;
    }
    return false;
  };
  if (!first()) return false;
  for (int i = 0; i < kStrokeTries; ++i) {
    const auto direction = static_cast<int>(random.below(kDegrees));
    const auto angle = radians(static_cast<int>(random.below(kDegrees)));
    const auto y = std::nearbyint(pair[0].tip.y + rule_.seed_distance * std::sin(angle));
    const auto x = std::nearbyint(pair[0].tip.x + rule_.seed_distance * std::cos(angle));
    if (begin(direction, {static_cast<int>(y), static_cast<int>(x)}, pair[1])) return true;
  }
  return false;
}

bool PathfinderStage::full(const PathfinderRoom& room) const {
  int free = 0;
  for (int y = 0; y < rule_.side; ++y)
    for (int x = 0; x < rule_.side; ++x) free += room.taken[map_.at(y, x)] < kOccupied;
  return free < kLeastFree * rule_.side * rule_.side;
}

bool PathfinderStage::seed(RandomStream& random, const PathfinderRoom& room, PathfinderContour& contour) const {
  thread_local std::vector<std::int32_t> free;
  for (int i = 0; i < kStrokeTries; ++i) {
    const auto direction = static_cast<int>(random.below(kDegrees));
    find_free(room.taken, beginnings_[direction], free);
    if (free.empty()) return false;
    const int cell = free[random.below(free.size())];
    if (begin(direction, map_.pixel(cell), contour)) return true;
  }
  return false;
}

bool PathfinderStage::clashes(const PathfinderRoom& room, PlacedStroke placed) const {
  const auto* taken = room.taken.data() + placed.cell;
  for (const auto& part : strokes_[placed.stroke].limits)
    if (taken[part.offset] >= part.value) return true;
  return false;
}

void PathfinderStage::take(PathfinderRoom& room, PlacedStroke placed) const {
  const auto& tables = strokes_[placed.stroke];
  auto* taken = room.taken.data() + placed.cell;
  const auto* inside = inside_.data() + placed.cell;
  for (const auto& [offset, value] : tables.taken)
    taken[offset] = std::max(taken[offset], static_cast<std::uint8_t>(value & inside[offset]));
  auto* widened = room.widened.data() + placed.cell;
  for (const auto& [offset, value] : tables.widened) widened[offset] = std::max(widened[offset], value);
}

bool PathfinderStage::extend(RandomStream& random, PathfinderRoom& room, PathfinderContour& contour) const {
  const auto pivot = advance_[contour.direction].from(contour.pivot);
  const int center = map_.at(pivot);
  const auto* widened = room.widened.data() + center;
  const auto& straight = straight_[contour.direction];
  std::array<float, 128> sums;
  float sum = 0;
  const auto count = candidates_.size();
  for (std::size_t i = 0; i < count; ++i)
    sums[i] = sum += static_cast<float>(kAll - widened[candidates_[i].offset]) * straight[i];
  if (sum < kAll * kLeastWeight) return false;
  for (int i = 0; i < kStrokeTries; ++i) {
    const auto wanted = static_cast<float>(random.uniform()) * sum;
    std::size_t chosen = 0;
    while (chosen + 1 < count && sums[chosen] <= wanted) ++chosen;
    const auto& candidate = candidates_[chosen];
    const PlacedStroke placed{center + candidate.offset, kDegrees + static_cast<int>(chosen)};
    if (clashes(room, placed)) continue;
    take(room, contour.pending);
    contour = {pivot, placed.stroke, placed, map_.pixel(placed.cell)};
    return true;
  }
  return false;
}

}  // namespace longwave
