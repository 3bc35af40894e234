#include "longwave/data/pathfinder_archive.h"

#include <fmt/format.h>

#include <algorithm>

#include "longwave/base/atomic_file.h"
#include "longwave/io/png_write.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBatch = 1000;

std::string contour_folder(int contour_length) {
  return contour_length == 6 ? "curv_baseline" : fmt::format("curv_contour_length_{}", contour_length);
}

/// A number as Python prints it: 1.0, not 1.
std::string python_float(double value) {
  const auto text = fmt::format("{}", value);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

/// The split and number of the i-th image of the archive.
RandomStream stream_of(const PathfinderConfig& config, std::int64_t i) {
  if (i < config.train_samples) return sample_stream(config.seed, Split::train, i);
  i -= config.train_samples;
  if (i < config.val_samples) return sample_stream(config.seed, Split::val, i);
  return sample_stream(config.seed, Split::test, i - config.val_samples);
}

}  // namespace

fs::path write_pathfinder(const PathfinderConfig& config, const fs::path& folder,
                          const std::function<void(std::int64_t)>& progress) {
  const auto rule = config.rule();
  const PathfinderDrawing drawing(rule);
  const auto root = folder / fmt::format("pathfinder{}", rule.side) / contour_folder(rule.contour_length);
  const auto total = config.train_samples + config.val_samples + config.test_samples;
  make_folder(root / "metadata");
  for (std::int64_t first = 0; first < total; first += kBatch) {
    const auto count = std::min(kBatch, total - first), batch = first / kBatch;
    const auto images = fmt::format("imgs/{}", batch);
    make_folder(root / images);
    std::vector<PathfinderImage> drawn(static_cast<std::size_t>(count));
    if (first == 0) drawing.draw(stream_of(config, 0), drawn[0]);  // refused here, if at all: no error leaves the loop
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t i = 0; i < count; ++i)
      drawing.draw(stream_of(config, first + i), drawn[static_cast<std::size_t>(i)]);
    std::string metadata;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& image = drawn[static_cast<std::size_t>(i)];
      const auto name = fmt::format("sample_{}.png", i);
      write_file(root / images / name, png_of(image.pixels, rule.side, rule.side));
      metadata += fmt::format("{} {} {} {} {} {} {} {} {} {} 1\n", images, name, i, image.connected ? 1 : 0,
                              python_float(rule.continuity), rule.contour_length, rule.distractor_length,
                              rule.stroke_length, python_float(rule.stroke_thickness), image.margin);
    }
    write_file(root / "metadata" / fmt::format("{}.npy", batch), metadata);  // last: it names whole images only
    if (progress) progress(first + count);
  }
  return root;
}

}  // namespace longwave
