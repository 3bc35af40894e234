// Pathfinder and Path-X from image files (Linsley et al. 2018; Tay et al. 2021): do both marks lie on one contour?

#include <algorithm>
#include <charconv>
#include <set>

#include "longwave/base/atomic_file.h"
#include "longwave/data/labelled_set.h"
#include "longwave/data/pathfinder_archive.h"
#include "longwave/data/pathfinder_metadata.h"
#include "longwave/data/pathfinder_statistics.h"
#include "longwave/data/pixel_form.h"
#include "longwave/data/sequence_split.h"
#include "longwave/io/checksum.h"
#include "longwave/io/png.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

const std::string kUsualSide = "32";  // of the archive, where none is asked for
constexpr std::int64_t kImages = 200000;
constexpr double kHeldOut = 0.1;  // validates, and as much tests

std::vector<FileLayout> pathfinder_layouts() {
  const std::vector<std::string> folders{"pathfinder{resolution}", "lra_release/pathfinder{resolution}",
                                         "lra_release/lra_release/pathfinder{resolution}",
                                         "pathfinder/pathfinder{resolution}"};
  const auto archive = [&](const std::string& contour, const std::string& difficulty) {
    return FileLayout{folders, {contour + "/metadata", contour + "/imgs"}, {{"difficulty", difficulty}}};
  };
  return {archive("curv_baseline", "easy"),
          archive("curv_contour_length_9", "intermediate"),
          archive("curv_contour_length_14", "hard"),
          archive(kOwnContours, "own"),
          {{}, {"metadata", "imgs"}}};
}

/// The files 0.npy, 1.npy, ... by number.
std::vector<fs::path> batches_of(const fs::path& folder) {
  std::vector<std::pair<long, fs::path>> numbered;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto stem = entry.path().stem().string();
    long number = 0;
    const auto end = std::from_chars(stem.data(), stem.data() + stem.size(), number).ptr;
    if (entry.path().extension() == ".npy" && end == stem.data() + stem.size()) numbered.push_back({number, entry});
  }
  check(!numbered.empty(), folder.string(), ": no metadata files (0.npy, 1.npy, ...) there");
  std::sort(numbered.begin(), numbered.end());
  std::vector<fs::path> files;
  for (auto& [number, path] : numbered) files.push_back(std::move(path));
  return files;
}

/// Pixels a side by the name of the folder above, "pathfinder64"; 0: it does not say.
std::int64_t side_by_name(const fs::path& folder) {
  const auto above = fs::absolute(folder / ".").lexically_normal().parent_path().parent_path().filename().string();
  for (const std::int64_t side : {32, 64, 128, 256})
    if (above == "pathfinder" + std::to_string(side)) return side;
  return 0;
}

class PathfinderFiles final : public LabelledSet {
 public:
  struct Config : LabelledOptions, PixelForm {
    std::string resolution = "auto", difficulty = "hard";
    static const FieldTable<Config>& fields();
  };

  PathfinderFiles(const Config& config, const SequenceSource& source) : tokens_(config.is_tokens()) {
    const bool any = config.resolution == "auto";
    const auto resolution = any ? kUsualSide : config.resolution;
    const auto found = locate_files("Pathfinder " + resolution + " (" + config.difficulty + ")", pathfinder_layouts(),
                                    source.roots, {{"resolution", resolution}, {"difficulty", config.difficulty}});
    Sha256 hash;
    for (const auto& path : batches_of(found.files[0])) take(path, found.files[1].parent_path(), hash);
    const auto folder = found.files[0].parent_path().string();
    check(!paths_.empty(), folder, ": no images in it that are not empty");
    side_ = any ? side_by_name(folder) : std::stoll(resolution);
    if (side_ == 0) side_ = read_png(paths_.front()).height;
    facts_.found.push_back(folder + ": images of " + std::to_string(side_) + " x " + std::to_string(side_) +
                           " pixels, " + std::to_string(skipped_) + " empty ones left out");
    const std::int64_t published = side_ == 32 && is_easy(folder) ? kImages - 1 : kImages;  // one of these is empty
    compare_with_published(std::ssize(paths_), published, "Pathfinder " + std::to_string(side_));
    if (!strokes_.empty())  // a folder given by itself does not say how difficult it is
      facts_.found.push_back("strokes of a contour: " + join({strokes_.begin(), strokes_.end()}));
    facts_.class_names = {"two contours", "one contour"};
    facts_.protocol = is_published(folder) ? config.protocol_name() : "generated";
    if (is_published(folder) && is_hard(folder))
      for (auto& line : compare_with_rule(paths_, side_)) facts_.found.push_back(std::move(line));
    facts_.channels = tokens_ ? 0 : 1;
    facts_.vocabulary = tokens_ ? 257 : 0;
    facts_.mask = tokens_ ? 256 : -1;
    facts_.masking = {.ratio = 0.5, .levels = true, .hidden = 0.5f};
    split(config);
    limit(config);
    describe(hash.hex());
    facts_.found.push_back("the hash is of the bytes of the metadata and of all images they name");
  }

 private:
  /// Drawn by one of the published rules, as far as names and strokes tell.
  bool is_published(const fs::path& folder) const {
    const std::set<std::string> lengths{"6", "9", "14"};
    return folder.filename() != kOwnContours &&
           std::includes(lengths.begin(), lengths.end(), strokes_.begin(), strokes_.end());
  }

  /// Contours of that many strokes alone, or without a word about them the folder's name for these.
  bool has_strokes(const fs::path& folder, const std::string& strokes, const std::string& name) const {
    return strokes_.empty() ? folder.filename() == name : strokes_ == std::set<std::string>{strokes};
  }
  bool is_easy(const fs::path& folder) const { return has_strokes(folder, "6", "curv_baseline"); }
  bool is_hard(const fs::path& folder) const { return has_strokes(folder, "14", "curv_contour_length_14"); }

  std::int64_t steps(std::int64_t) const override { return side_ * side_; }

  void encode(std::int64_t item, Steps& out) const override {
    const auto image = read_png(paths_[item]);
    check(image.height == side_ && image.width == side_, paths_[item].string(), ": ", image.height, " x ", image.width,
          " pixels; expected ", side_, " x ", side_);
    const auto* levels = reinterpret_cast<const unsigned char*>(image.pixels.data());
    out.tokens.assign(levels, levels + (tokens_ ? image.pixels.size() : 0));
    out.values.resize(tokens_ ? 0 : image.pixels.size());
    for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] = static_cast<float>(levels[i]) / 255;
  }

  void take(const fs::path& batch, const fs::path& root, Sha256& hash) {
    const auto bytes = read_text(batch);
    hash.update(bytes);
    for (const auto& record : parse_pathfinder_metadata(bytes, batch.string())) {
      const auto path = root / record.folder / record.file;
      std::error_code error;
      check(fs::exists(path, error), path.string(), ": missing; ", batch.string(), ":", record.line, " names it");
      const auto image = read_file(path);
      hash.update(std::to_string(image.size()) + "\n");
      hash.update(image);
      skipped_ += image.empty();
      if (image.empty()) continue;
      if (!record.strokes.empty()) strokes_.insert(record.strokes);
      paths_.push_back(path);
      labels_.push_back(record.label);
    }
  }

  /// By the stored order in lra-2020, else as torch's random_split with that seed has it.
  void split(const Config& config) {
    const auto n = static_cast<std::int64_t>(paths_.size());
    const auto held_out = static_cast<std::int64_t>(kHeldOut * static_cast<double>(n)), train = n - 2 * held_out;
    const auto order = config.protocol == "lra-2020" ? std::vector<std::int64_t>()
                                                     : torch_permutation(n, static_cast<std::uint32_t>(config.seed));
    for (std::int64_t i = 0; i < n; ++i)
      items(i < train              ? Split::train
            : i < train + held_out ? Split::val
                                   : Split::test)
          .push_back(order.empty() ? i : order[i]);
  }

  std::int64_t side_ = 0, skipped_ = 0;
  bool tokens_;
  std::vector<fs::path> paths_;
  std::set<std::string> strokes_;
};

const FieldTable<PathfinderFiles::Config>& PathfinderFiles::Config::fields() {
  static const auto table = [] {
    FieldTable<Config> fields;
    fields
        .add("resolution", &Config::resolution,
             "pixels a side, as text; 128 is Path-X; auto: those of the data folder given by itself, else 32",
             one_of({"auto", "32", "64", "128", "256"}))
        .add("difficulty", &Config::difficulty,
             "length of the contours; own: strokes of your own, made by `longwave data make pathfinder`",
             one_of({"easy", "intermediate", "hard", "own"}));
    add_pixel_form_fields(
        fields,
        "lra-strict and lra-s4: numbers, split 80/10/10 % at random; lra-2020: tokens, split by the stored order",
        "grey in [0, 1]");
    return add_labelled_fields(fields);
  }();
  return table;
}

const std::string kSource =
    "Tay et al. 2021; files: lra_release.gz (github.com/google-research/long-range-arena), or made by `longwave data "
    "make pathfinder --out DIR`; the set pathfinder needs none";

const RegisterSequenceData<PathfinderFiles> registered({.name = "pathfinder-files",
                                                        .title = "Pathfinder",
                                                        .family = "long range arena",
                                                        .summary = "images of contours from files, one pixel a step",
                                                        .source = kSource,
                                                        .layouts = pathfinder_layouts()});

}  // namespace
}  // namespace longwave
