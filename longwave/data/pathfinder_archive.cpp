#include "longwave/data/pathfinder_archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/io/png_write.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBatch = 1000;

std::string contour_folder(const PathfinderConfig& config) {
  if (!config.published()) return kOwnContours;
  const auto length = config.rule().contour_length;
  return length == 6 ? "curv_baseline" : fmt::format("curv_contour_length_{}", length);
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

/// Does not wait for the disk, as write_file does: thousands of small files take one wait together.
void write_image(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes << std::flush;
  check(file.good(), path.string(), ": cannot be written: ", std::strerror(errno));
}

/// Waits until all that was written below `folder` is on its disk.
void sync(const fs::path& folder) {
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  const bool done = handle >= 0 && ::syncfs(handle) == 0;
  const std::string reason = std::strerror(errno);
  if (handle >= 0) ::close(handle);
  check(done, folder.string(), ": cannot be written: ", reason);
}

}  // namespace

fs::path write_pathfinder(const PathfinderConfig& config, const fs::path& folder,
                          const std::function<void(std::int64_t)>& progress) {
  const auto rule = config.rule();
  const PathfinderDrawing drawing(rule);
  const auto root = folder / fmt::format("pathfinder{}", rule.side) / contour_folder(config);
  const auto total = config.train_samples + config.val_samples + config.test_samples;
  make_folder(root / "metadata");
  const auto next = root / "metadata" / fmt::format("{}.npy", (total + kBatch - 1) / kBatch);
  check(!fs::exists(next), root.string(), ": holds a larger set (", next.filename().string(), "), which this one of ",
        total, " images would replace in part; choose another folder with --out, or remove that one");
  for (std::int64_t first = 0; first < total; first += kBatch) {
    const auto count = std::min(kBatch, total - first), batch = first / kBatch;
    const auto images = fmt::format("imgs/{}", batch);
    make_folder(root / images);
    const auto table = root / "metadata" / fmt::format("{}.npy", batch);
    std::error_code none;
    if (fs::remove(table, none)) sync(root);  // one of before must not name images that are half written
    std::vector<PathfinderImage> drawn(static_cast<std::size_t>(count));
    std::vector<std::string> files(static_cast<std::size_t>(count));
    if (first == 0) drawing.draw(stream_of(config, 0), drawn[0]);  // refused here, if at all: no error leaves the loop
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t i = 0; i < count; ++i) {
      auto& image = drawn[static_cast<std::size_t>(i)];
      drawing.draw(stream_of(config, first + i), image);
      files[static_cast<std::size_t>(i)] = png_of(image.pixels, rule.side, rule.side);
    }
    std::string metadata;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& image = drawn[static_cast<std::size_t>(i)];
      const auto name = fmt::format("sample_{}.png", i);
      write_image(root / images / name, files[static_cast<std::size_t>(i)]);
      metadata += fmt::format("{} {} {} {} {} {} {} {} {} {} 1\n", images, name, i, image.connected ? 1 : 0,
                              python_float(rule.continuity), rule.contour_length, rule.distractor_length,
                              rule.stroke_length, python_float(rule.stroke_thickness), image.margin);
    }
    sync(root);
    write_file(table, metadata);  // last: it names whole images only, after a power cut too
    if (progress) progress(first + count);
  }
  return root;
}

}  // namespace longwave
