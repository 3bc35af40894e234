// Pathfinder and Path-X, generated (Linsley et al. 2018; Tay et al. 2021): do both marks lie on one contour? For the
// public files of the same drawings see pathfinder-files.

#include "longwave/data/pathfinder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "longwave/base/check.h"

namespace longwave {
namespace {

constexpr std::int64_t kGreyLevels = 256;

int or_else(std::int64_t value, int usual) { return value < 0 ? usual : static_cast<int>(value); }

/// A number of every image, and whether its marks are connected.
struct Measurement {
  double value;
  bool connected;
};

/// Share of right answers of "connected iff the number is above (or below) a threshold", the best one of `fit`, on
/// `score`.
double threshold_score(std::vector<Measurement> fit, const std::vector<Measurement>& score) {
  std::sort(fit.begin(), fit.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
  const auto connected = std::count_if(fit.begin(), fit.end(), [](const auto& m) { return m.connected; });
  const auto n = static_cast<std::int64_t>(fit.size());
  std::int64_t below = 0, best = -1;  // right answers if all from the i-th on are called connected
  double threshold = 0;
  bool above = true;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto right = (connected - below) + (i - below);
    if (std::max(right, n - right) > best) {
      best = std::max(right, n - right);
      threshold = fit[static_cast<std::size_t>(i)].value;
      above = right == best;
    }
    below += fit[static_cast<std::size_t>(i)].connected;
  }
  const auto right = std::count_if(score.begin(), score.end(),
                                   [&](const auto& m) { return ((m.value >= threshold) == above) == m.connected; });
  return static_cast<double>(right) / static_cast<double>(score.size());
}

double brightness(const PathfinderImage& image) {
  return std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) / static_cast<double>(image.pixels.size());
}

double distance(const PathfinderImage& image) {
  return std::hypot(image.marks[0].y - image.marks[1].y, image.marks[0].x - image.marks[1].x);
}

class Pathfinder final : public GeneratedData {
 public:
  using Config = PathfinderConfig;

  Pathfinder(const Config& config, const SequenceSource&)
      : GeneratedData(config), drawing_(config.rule()), tokens_(config.is_tokens()) {
    facts_.goal = SequenceGoal::classify;
    facts_.classes = 2;
    facts_.class_names = {"two contours", "one contour"};
    facts_.channels = tokens_ ? 0 : 1;
    facts_.vocabulary = tokens_ ? kGreyLevels + 1 : 0;
    facts_.mask = tokens_ ? static_cast<std::int32_t>(kGreyLevels) : -1;
    facts_.masking = {.ratio = 0.5, .levels = true, .hidden = 0.5f};
    if (config.published()) facts_.protocol = config.protocol_name();
    if (tokens_) {
      facts_.token_names = numerals(kGreyLevels);
      facts_.token_names.push_back("<mask>");
    }
    const auto side = config.rule().side;
    facts_.max_length = static_cast<std::int64_t>(side) * side;
  }

  std::int64_t length(Split, std::int64_t) const override { return facts_.max_length; }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    thread_local PathfinderImage image;
    drawing_.draw(stream(split, index), image);
    auto& [tokens, values] = out.first;
    tokens.assign(image.pixels.begin(), tokens_ ? image.pixels.end() : image.pixels.begin());
    values.resize(tokens_ ? 0 : image.pixels.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(image.pixels[i]) / 255;
    out.label = image.connected;
  }

  /// Statistics that must tell nothing.
  std::vector<Baseline> baselines() const override {
    const auto scored = samples(Split::test) > 0 ? Split::test : Split::val;
    if (samples(scored) == 0 || samples(Split::train) == 0)
      return {{"chance", 0.5, "labels are drawn with equal odds"}};
    std::vector<Measurement> grey[2], far[2];
    const auto measure = [&](Split split, std::size_t part) {
      PathfinderImage image;
      for (std::int64_t i = 0; i < std::min<std::int64_t>(1000, samples(split)); ++i) {
        drawing_.draw(stream(split, i), image);
        grey[part].push_back({brightness(image), image.connected});
        far[part].push_back({distance(image), image.connected});
      }
    };
    measure(Split::train, 0);
    measure(scored, 1);
    const auto comment =
        fmt::format("threshold from {} training images, measured on {} others", grey[0].size(), grey[1].size());
    return {{"chance", 0.5, "labels are drawn with equal odds"},
            {"mean brightness", threshold_score(grey[0], grey[1]), comment},
            {"distance of the marks", threshold_score(far[0], far[1]), comment}};
  }

 private:
  PathfinderDrawing drawing_;
  bool tokens_;
};

const RegisterSequenceData<Pathfinder> registered(
    {.name = "pathfinder",
     .title = "Pathfinder",
     .family = "long range arena",
     .summary = "generated images of dashed contours, one pixel a step; 128 pixels a side: Path-X",
     .source = "Linsley et al. 2018; Tay et al. 2021",
     .generated = true});

}  // namespace

PathfinderConfig::PathfinderConfig() {
  train_samples = 160000;
  val_samples = test_samples = 20000;
}

const FieldTable<PathfinderConfig>& PathfinderConfig::fields() {
  using C = PathfinderConfig;
  static const auto table = [] {
    FieldTable<C> t;
    const auto count = at_least<std::int64_t>(-1);
    t.add("resolution", &C::resolution, "pixels a side, as text; 128 is Path-X", one_of({"32", "64", "128", "256"}))
        .add("difficulty", &C::difficulty, "length of the contours: 6, 9 or 14 strokes",
             one_of({"easy", "intermediate", "hard"}));
    add_pixel_form_fields(t, "lra-strict and lra-s4: numbers; lra-2020: tokens", "grey in [0, 1]")
        .add("contour_length", &C::contour_length, "strokes of a contour; -1: by difficulty", count)
        .add("distractors", &C::distractors, "short contours allowed; -1: as published", count)
        .add("distractor_length", &C::distractor_length, "strokes of one; -1: a third of contour_length", count)
        .add("seed_distance", &C::seed_distance, "pixels between the beginnings of the contours; -1: as published",
             count)
        .add("continuity", &C::continuity, "the higher, the straighter; -1: as published", at_least<double>(-1));
    return add_generated_fields(t);
  }();
  return table;
}

bool PathfinderConfig::published() const {
  return contour_length < 0 && distractors < 0 && distractor_length < 0 && seed_distance < 0 && continuity < 0;
}

PathfinderRule PathfinderConfig::rule() const {
  const int length = or_else(contour_length, difficulty == "easy" ? 6 : difficulty == "intermediate" ? 9 : 14);
  auto rule = pathfinder_rule(std::stoi(resolution), length);
  rule.distractors = or_else(distractors, rule.distractors);
  rule.distractor_length = or_else(distractor_length, rule.distractor_length);
  rule.seed_distance = or_else(seed_distance, rule.seed_distance);
  if (continuity >= 0) rule.continuity = continuity;
  check(rule.contour_length >= 2, "data.contour_length is ", rule.contour_length, "; expected at least 2");
  check(rule.distractors == 0 || rule.distractor_length >= 1, "data.distractor_length is ", rule.distractor_length,
        "; expected at least 1");
  check(4 * rule.seed_distance < rule.side, "data.seed_distance is ", rule.seed_distance,
        "; expected less than a quarter of the side, ", rule.side, ": contours begin twice as far from the border");
  return rule;
}

}  // namespace longwave
