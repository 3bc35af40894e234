// Images as Mega and SeqBoat have them (fairseq text dumps): one image a line, grey levels 0 to 255 separated by
// spaces.

#include <algorithm>
#include <set>

#include "longwave/data/pixel_set.h"
#include "longwave/data/pixel_text.h"
#include "longwave/io/checksum.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

const std::vector<FileLayout>& layouts() {
  static const std::vector<FileLayout> all{{{"lra/image", "lra/pathfinder", "lra/path-x", "cifar10", "pathfinder"},
                                            {"input/train.src", "label/train.label", "input/valid.src",
                                             "label/valid.label", "input/test.src", "label/test.label"}}};
  return all;
}

class PixelDump final : public PixelSet {
 public:
  struct Config : LabelledOptions {
    double mean = 0.48, deviation = 0.24;
    std::int64_t pool = 1;
    static const FieldTable<Config>& fields() {
      static const auto table = [] {
        FieldTable<Config> fields;
        fields.add("mean", &Config::mean, "of the pixels in [0, 1], taken off (Mega: Image 0.48, Pathfinder 0.5)")
            .add("deviation", &Config::deviation, "of the pixels, divided by (Mega: Image 0.24, Pathfinder 0.5)",
                 positive())
            .add("pool", &Config::pool, "a step is the mean of pool x pool pixels", at_least<std::int64_t>(1));
        return add_labelled_fields(fields);
      }();
      return table;
    }
  };

  PixelDump(const Config& config, const SequenceSource& source) {
    const auto files = locate_files("Text dump of images", layouts(), source.roots).files;
    read(files[0], files[1], Split::train);
    check_classes(files[1]);
    read(files[2], files[3], Split::val);
    read(files[4], files[5], Split::test);
    check(side_ % config.pool == 0, "data.pool is ", config.pool, "; expected a divisor of the images' side, ", side_);
    use_values(side_, config.pool, {config.mean}, {config.deviation});
    for (int label = 0; label < classes_; ++label) facts_.class_names.push_back(std::to_string(label));
    facts_.protocol = "lra-mega";
    facts_.masking.ratio = 0.5;
    limit(config);
    describe(hash_.hex());
  }

 private:
  void read(const fs::path& images, const fs::path& labels, Split split) {
    const auto text = read_text(images), label_text = read_text(labels);
    hash_.update(text), hash_.update(label_text);
    const auto count = parse_pixel_text(text, images.string(), side_, pixels_);
    const auto read_labels = parse_label_text(label_text, labels.string());
    check(std::ssize(read_labels) == count, labels.string(), ": ", read_labels.size(),
          " labels; expected one for each of the ", count, " images of ", images.string());
    for (std::size_t i = 0; i < read_labels.size(); ++i) {
      const auto label = read_labels[i];
      check(split == Split::train || label < classes_, labels.string(), ":", i + 1, ": label ", label,
            "; expected 0 .. ", classes_ - 1, ", as in the labels that train");
      items(split).push_back(std::ssize(labels_));
      labels_.push_back(label);
      classes_ = std::max(classes_, label + 1);
    }
    facts_.found.push_back(images.string() + ", " + labels.string());
  }

  /// Classes are numbered without gaps, so that most of them without a sample are those of a damaged label.
  void check_classes(const fs::path& labels) {
    const std::set<std::int32_t> used(labels_.begin(), labels_.end());
    const auto none = classes_ - static_cast<int>(used.size());
    const auto line = std::find(labels_.begin(), labels_.end(), classes_ - 1) - labels_.begin() + 1;
    check(2 * none <= classes_, labels.string(), ":", line, ": label ", classes_ - 1, ", while ", none,
          " of the classes 0 .. ", classes_ - 1,
          " have no sample that trains; expected classes 0, 1, 2, ..., without gaps");
    if (none > 0)
      facts_.caution = std::to_string(none) + " of the classes 0 .. " + std::to_string(classes_ - 1) +
                       " have no sample that trains; the largest first in line " + std::to_string(line) + " of " +
                       labels.filename().string();
  }

  std::int64_t side_ = 0;
  int classes_ = 0;
  Sha256 hash_;
};

const RegisterSequenceData<PixelDump> registered(
    {.name = "pixel-dump",
     .title = "Images as text",
     .family = "images",
     .summary = "Image or Pathfinder as Mega and SeqBoat have them: grey levels as text, one image a line",
     .source = "Ma et al. 2023 (github.com/facebookresearch/mega)",
     .layouts = layouts()});

}  // namespace
}  // namespace longwave
