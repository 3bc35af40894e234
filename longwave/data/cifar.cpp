// CIFAR-10 as sequences of 1024 pixels: the Image task of the Long Range Arena (grey) and sequential CIFAR (colour).

#include <algorithm>

#include "longwave/data/pixel_form.h"
#include "longwave/data/pixel_set.h"
#include "longwave/data/sequence_split.h"
#include "longwave/io/checksum.h"
#include "longwave/io/cifar.h"

namespace longwave {
namespace {

constexpr std::int64_t kSide = 32, kArea = kSide * kSide;
constexpr std::int64_t kTrain = 50000, kTest = 10000;  // of the whole set
constexpr double kValidation = 0.1;
constexpr double kMean = 122.6 / 255, kDeviation = 61.0 / 255;  // grey (S4)

std::vector<FileLayout> cifar_layouts() {
  const auto batches = [](const std::string& end) {
    std::vector<std::string> files;
    for (int i = 1; i <= 5; ++i) files.push_back("data_batch_" + std::to_string(i) + end);
    files.push_back("test_batch" + end);
    return files;
  };
  return {{{"cifar-10-batches-bin", "cifar10", "cifar", "cifar/cifar-10-batches-bin"}, batches(".bin")},
          {{"cifar-10-batches-py", "cifar10", "cifar", "cifar/cifar-10-batches-py"}, batches("")},
          {{"cifar10", "cifar"}, {"train.bin", "test.bin"}},
          {{"cifar10_subset"}, {"train_10k.bin", "test_2k.bin"}}};
}

/// Red, green and blue planes of all images; the last file is the test part.
struct CifarFiles {
  CifarImages images;
  std::int64_t train = 0;
  std::vector<std::string> found;
  std::string caution;
  std::string hash;

  explicit CifarFiles(const SequenceSource& source) {
    const auto files = locate_files("CIFAR-10", cifar_layouts(), source.roots).files;
    for (const auto& file : files) {
      train = static_cast<std::int64_t>(images.labels.size());
      read_cifar(file, images);
      found.push_back(file.string());
    }
    Sha256 sum;
    sum.update(images.pixels);
    sum.update({reinterpret_cast<const char*>(images.labels.data()), images.labels.size() * sizeof(std::int32_t)});
    hash = sum.hex();
    if (train != kTrain || static_cast<std::int64_t>(images.labels.size()) != kTrain + kTest)
      found.push_back(caution = "a part of CIFAR-10: scores are not comparable with published ones");
  }
};

enum class Grey { pillow, tensorflow };

/// Pillow's integer form of the luma weights, as S4 reads the set; or TensorFlow's rgb_to_grayscale, as the JAX code of
/// the arena does (weights on [0, 1], then times 255.5 cut to an integer).
std::string grey_of(const std::string& pixels, Grey form) {
  std::string grey(pixels.size() / 3, '\0');
  for (std::size_t i = 0; i < grey.size(); ++i) {
    const auto at = i / kArea * CifarImages::kBytes + i % kArea;
    const auto plane = [&](std::size_t c) { return static_cast<unsigned char>(pixels[at + c * kArea]); };
    const unsigned r = plane(0), g = plane(1), b = plane(2);
    const auto tensorflow = [&] {
      return static_cast<unsigned>((0.2989f * (r / 255.f) + 0.587f * (g / 255.f) + 0.114f * (b / 255.f)) * 255.5f);
    };
    grey[i] = static_cast<char>(form == Grey::pillow ? (19595 * r + 38470 * g + 7471 * b + 32768) >> 16 : tensorflow());
  }
  return grey;
}

class Cifar : public PixelSet {
 protected:
  struct Options : LabelledOptions {
    std::int64_t pool = 1;
  };
  template <class Config>
  static FieldTable<Config> cifar_fields() {
    FieldTable<Config> table;
    table.add("pool", static_cast<std::int64_t Config::*>(&Config::pool),
              "a step is the mean of pool x pool pixels: 1 gives 1024 steps, 2 gives 256", between<std::int64_t>(1, 2));
    return add_labelled_fields(table);
  }

  /// `order`: the training part is what comes first in it, the validation part the last tenth.
  void take(CifarFiles& files, const std::vector<std::int64_t>& order) {
    facts_.found = std::move(files.found);
    facts_.caution = files.caution;
    labels_ = std::move(files.images.labels);
    facts_.class_names = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
    const auto kept = static_cast<std::int64_t>(static_cast<double>(files.train) * (1 - kValidation));
    items(Split::train).assign(order.begin(), order.begin() + kept);
    items(Split::val).assign(order.begin() + kept, order.end());
    for (auto i = files.train; i < static_cast<std::int64_t>(labels_.size()); ++i) items(Split::test).push_back(i);
    for (const auto split : {Split::train, Split::val}) std::sort(items(split).begin(), items(split).end());
  }
};

std::vector<std::int64_t> in_order(std::int64_t n) {
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < n; ++i) order.push_back(i);
  return order;
}

class LraImage final : public Cifar {
 public:
  struct Config : Options, PixelForm {
    static const FieldTable<Config>& fields() {
      static const auto table = [] {
        auto fields = cifar_fields<Config>();
        return add_pixel_form_fields(
            fields, "lra-strict and lra-s4: numbers, a random tenth validates; lra-2020: tokens, the last tenth does",
            "standardised grey");
      }();
      return table;
    }
  };

  LraImage(const Config& config, const SequenceSource& source) {
    const bool original = config.protocol == "lra-2020";
    CifarFiles files(source);
    pixels_ = grey_of(files.images.pixels, original ? Grey::tensorflow : Grey::pillow);
    take(files,
         original ? in_order(files.train) : torch_permutation(files.train, static_cast<std::uint32_t>(config.seed)));
    if (config.is_tokens())
      use_tokens(kSide, config.pool);
    else
      use_values(kSide, config.pool, {kMean}, {kDeviation});
    facts_.protocol = config.protocol_name();
    facts_.masking.ratio = 0.5;
    limit(config);
    describe(files.hash);
  }
};

class ColourCifar final : public Cifar {
 public:
  struct Config : Options {
    static const FieldTable<Config>& fields() {
      static const auto table = cifar_fields<Config>();
      return table;
    }
  };

  ColourCifar(const Config& config, const SequenceSource& source) {
    CifarFiles files(source);
    pixels_ = std::move(files.images.pixels);
    take(files, torch_permutation(files.train, static_cast<std::uint32_t>(config.seed)));
    use_values(kSide, config.pool, {0.4914, 0.4822, 0.4465}, {0.247, 0.243, 0.261});
    facts_.protocol = "scifar-s4";
    facts_.masking.ratio = 0.5;
    limit(config);
    describe(files.hash);
  }
};

const std::string kFiles = "; files: www.cs.toronto.edu/~kriz/cifar.html";

const RegisterSequenceData<LraImage> image({.name = "image",
                                            .title = "Image",
                                            .family = "long range arena",
                                            .summary = "CIFAR-10 in grey, one pixel a step",
                                            .source = "Tay et al. 2021" + kFiles,
                                            .layouts = cifar_layouts()});
const RegisterSequenceData<ColourCifar> colour({.name = "scifar",
                                                .title = "sequential CIFAR",
                                                .family = "images",
                                                .summary = "CIFAR-10 in colour, one pixel a step",
                                                .source = "Gu et al. 2022" + kFiles,
                                                .layouts = cifar_layouts()});

}  // namespace
}  // namespace longwave
