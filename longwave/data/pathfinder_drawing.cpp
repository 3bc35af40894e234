#include "longwave/data/pathfinder_drawing.h"

#include <algorithm>
#include <array>

#include "longwave/base/check.h"
#include "longwave/data/pathfinder_stage.h"

namespace longwave {
namespace {

constexpr int kDistractorTries = 5;
constexpr int kMostAttempts = 100000;  // published rules need some hundreds

/// Strokes of one contrast.
struct Layer {
  std::vector<PlacedStroke> strokes;
  double contrast;
};

/// One image while it is drawn.
class Sketch {
 public:
  Sketch(const PathfinderRule& rule, const PathfinderStage& stage, RandomStream& random)
      : rule_(rule), stage_(stage), random_(random) {}

  /// The two contours, as often as it takes.
  void draw_contours(PathfinderImage& out) {
    do
      check(out.attempts++ < kMostAttempts, "data.contour_length is ", rule_.contour_length, " and data.seed_distance ",
            rule_.seed_distance, ": no two contours fit on ", rule_.side, " pixels a side; expected smaller numbers");
    while (!try_contours());
  }

  void draw_distractors(PathfinderImage& out) {
    for (int i = 0; i < rule_.distractors && !stage_.full(room_); ++i)
      for (int k = 0; k < kDistractorTries; ++k) {
        ++out.distractor_tries;
        if (!try_distractor()) continue;
        ++out.distractors_drawn;
        break;
      }
  }

  /// Marks the beginning of one contour and the end of the same or of the other.
  void choose_marks(PathfinderImage& out) {
    const auto first = random_.below(2);
    out.marks[0] = origins_[first];
    out.marks[1] = pair_[out.connected ? first : 1 - first].tip;
  }

  void render(const LanczosShrink& shrink, PathfinderImage& out) const {
    std::vector<double> image(static_cast<std::size_t>(rule_.side * rule_.side));
    for (const auto* layer : {&contours_, &distractors_})
      for (const auto& placed : layer->strokes) ink(placed, layer->contrast, image);
    for (const auto mark : out.marks) {
      const auto disc = draw_disc(shrink, rule_.side, mark.y, mark.x, rule_.mark_radius);
      for (int y = 0; y < disc.height; ++y)
        for (int x = 0; x < disc.width; ++x) {
          auto& pixel = image[(disc.y + y) * rule_.side + disc.x + x];
          pixel = std::max(pixel, disc.pixels[y * disc.width + x] / 255.0);
        }
    }
    const auto [least, most] = std::minmax_element(image.begin(), image.end());
    const auto scale = 255 / (*most > *least ? *most - *least : 1);
    out.pixels.clear();
    for (const auto pixel : image) out.pixels.push_back(static_cast<std::uint8_t>((pixel - *least) * scale + 0.5));
  }

 private:
  bool try_contours() {
    room_ = stage_.empty();
    contours_ = {{}, rule_.contrast * rule_.contour_contrast};
    if (!stage_.seed_pair(random_, pair_)) return false;
    for (std::size_t c = 0; c < 2; ++c) {
      origins_[c] = pair_[c].tip;
      contours_.strokes.push_back(pair_[c].pending);
    }
    for (int i = 1; i < rule_.contour_length; ++i)
      for (auto& contour : pair_) {
        if (!stage_.extend(random_, room_, contour)) return false;
        contours_.strokes.push_back(contour.pending);
      }
    stage_.take(room_, pair_[1].pending);  // but not the last one of the first contour: so it is in the reference
    return true;
  }

  bool try_distractor() {
    PathfinderContour contour;
    if (!stage_.seed(random_, room_, contour)) return false;
    attempt_ = room_;
    std::vector<PlacedStroke> strokes{contour.pending};
    for (int i = 1; i < rule_.distractor_length; ++i) {
      if (!stage_.extend(random_, attempt_, contour)) return false;
      strokes.push_back(contour.pending);
    }
    stage_.take(attempt_, contour.pending);
    std::swap(room_, attempt_);
    distractors_.strokes.insert(distractors_.strokes.end(), strokes.begin(), strokes.end());
    return true;
  }

  /// The brighter of what is there and a stroke; of the reference's numbers, strokes have 24 bits.
  void ink(PlacedStroke placed, double contrast, std::vector<double>& image) const {
    const auto& map = stage_.map();
    const auto& stroke = stage_.stroke(placed.stroke);
    const int top = placed.cell / map.stride - map.frame - stroke.side / 2;
    const int left = placed.cell % map.stride - map.frame - stroke.side / 2;
    for (int y = std::max(0, -top); y < std::min(stroke.side, map.side - top); ++y)
      for (int x = std::max(0, -left); x < std::min(stroke.side, map.side - left); ++x) {
        auto& pixel = image[(top + y) * map.side + left + x];
        const auto level = stroke.ink[y * stroke.side + x] / 255.0 * contrast;
        pixel = std::max(pixel, static_cast<double>(static_cast<float>(level)));
      }
  }

  const PathfinderRule& rule_;
  const PathfinderStage& stage_;
  RandomStream& random_;
  PathfinderRoom room_, attempt_;
  std::array<PathfinderContour, 2> pair_;
  std::array<Pixel, 2> origins_;
  Layer contours_, distractors_{{}, rule_.contrast};
};

}  // namespace

PathfinderRule pathfinder_rule(int side, int contour_length) {
  PathfinderRule rule;
  if (side == 64) rule = {64, 1, 5, 1, {1}, 12, 2.5, 14, 5, 4, 1.8, 0.8, 1};
  if (side == 128) rule = {128, 1, 5, 1.5, {2, 3}, 20, 3, 14, 8, 4, 1.8, 0.9, 1};
  if (side == 256) rule = {256, 22, 5, 2, {3}, 27, 5, 14, 7, 4, 1.8, 1, 1};
  check(rule.side == side, "no images of ", side, " pixels a side are published; expected 32, 64, 128 or 256");
  rule.contour_length = contour_length;
  rule.distractor_length = contour_length / 3;
  return rule;
}

PathfinderDrawing::PathfinderDrawing(const PathfinderRule& rule)
    : rule_(rule), shrink_(rule.side * kStrokeScale, rule.side) {
  for (const auto margin : rule.margins) stages_.push_back(std::make_unique<PathfinderStage>(rule, margin));
}

PathfinderDrawing::~PathfinderDrawing() = default;

void PathfinderDrawing::draw(RandomStream random, PathfinderImage& out) const {
  out.attempts = out.distractor_tries = out.distractors_drawn = 0;
  out.connected = random.below(2) == 1;
  const auto& stage = *stages_[random.below(stages_.size())];
  out.margin = stage.margin();
  Sketch sketch(rule_, stage, random);
  sketch.draw_contours(out);
  sketch.draw_distractors(out);
  sketch.choose_marks(out);
  sketch.render(shrink_, out);
}

}  // namespace longwave
