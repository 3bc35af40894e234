// Images as Mega and SeqBoat have them (fairseq text dumps): one image a line, grey levels 0 to 255 separated by
// spaces.

#include <cmath>
#include <charconv>

#include "longwave/data/pixel_set.h"
#include "longwave/io/checksum.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr int kMostClasses = 1000;

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
  /// Calls `take(line number, value)` for every integer from 0 to `most`, and `end(line number)` after each line.
  template <class Take, class End>
  static void read_integers(const std::string& text, const fs::path& path, int most, const Take& take, const End& end) {
    const char* at = text.data();
    const char* const stop = at + text.size();
    for (std::int64_t line = 1; at < stop; ++line) {
      const char* const first = at;
      for (; at < stop && *at != '\n'; ++at) {
        if (*at == ' ' || *at == '\r') continue;
        int value = -1;
        const auto [behind, error] = std::from_chars(at, stop, value);
        const bool good = error == std::errc() && value >= 0 && value <= most &&
                          (behind == stop || *behind == ' ' || *behind == '\r' || *behind == '\n');
        check(good, path.string(), ":", line, ":", at - first + 1, ": expected an integer from 0 to ", most);
        take(line, value);
        at = behind - 1;
      }
      end(line);
      ++at;
    }
  }

  void read(const fs::path& images, const fs::path& labels, Split split) {
    const auto text = read_text(images), label_text = read_text(labels);
    hash_.update(text), hash_.update(label_text);
    std::int64_t count = 0;
    read_integers(
        text, images, 255, [&](std::int64_t, int level) { pixels_.push_back(static_cast<char>(level)), ++count; },
        [&](std::int64_t line) {
          check(count > 0, images.string(), ":", line, ": no pixels; expected an image in every line");
          if (side_ == 0) side_ = std::llround(std::sqrt(static_cast<double>(count)));
          check(count == side_ * side_, images.string(), ":", line, ": ", count, " pixels; expected ", side_ * side_,
                ", a square image in every line");
          items(split).push_back(static_cast<std::int64_t>(pixels_.size() / count) - 1);
          count = 0;
        });
    check(!items(split).empty(), images.string(), ": no images");
    std::int64_t labels_read = 0;
    read_integers(
        label_text, labels, kMostClasses,
        [&](std::int64_t line, int label) {
          check(++labels_read == line, labels.string(), ":", line, ": expected one label in every line");
          labels_.push_back(label);
          classes_ = std::max(classes_, label + 1);
        },
        [&](std::int64_t line) {
          check(labels_read == line, labels.string(), ":", line, ": expected one label in every line");
        });
    check(labels_read == std::ssize(items(split)), labels.string(), ": ", labels_read,
          " labels; expected one for each of the ", items(split).size(), " images of ", images.string());
    facts_.found.push_back(images.string() + ", " + labels.string());
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
