// Sequential MNIST and its permuted form (Le, Jaitly, Hinton 2015): 784 grey levels, one a step.

#include <algorithm>

#include "longwave/data/pixel_set.h"
#include "longwave/data/sequence_split.h"
#include "longwave/io/checksum.h"
#include "longwave/io/idx.h"

namespace longwave {
namespace {

constexpr std::int64_t kSide = 28;
constexpr double kValidation = 0.1;

std::vector<FileLayout> mnist_layouts() {
  const std::vector<std::string> folders{"mnist", "mnist/raw", "mnist/MNIST/raw", "MNIST", "MNIST/raw"};
  return {{folders,
           {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}},
          {folders,
           {"train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"}}};
}

class Mnist : public PixelSet {
 protected:
  struct Options : LabelledOptions {
    std::int64_t pool = 1;
  };
  template <class Config>
  static FieldTable<Config> mnist_fields() {
    FieldTable<Config> table;
    table.add("pool", static_cast<std::int64_t Config::*>(&Config::pool),
              "a step is the mean of pool x pool pixels: 1 gives 784 steps, 2 gives 196", between<std::int64_t>(1, 2));
    return add_labelled_fields(table);
  }

  Mnist(const Options& options, const SequenceSource& source) {
    const auto found = locate_files("MNIST", mnist_layouts(), source.roots);
    read(found.files[0], found.files[1], Split::train);
    read(found.files[2], found.files[3], Split::test);
    compare_with_published(std::ssize(labels_), 70000, "MNIST");
    hold_out_at_random(static_cast<std::uint32_t>(options.seed));
    use_values(kSide, options.pool, {0}, {1});
    for (int digit = 0; digit < 10; ++digit) facts_.class_names.push_back(std::to_string(digit));
    facts_.protocol = "smnist-s4";
    limit(options);
    describe(hash_.hex());
  }

 private:
  void read(const std::filesystem::path& images_path, const std::filesystem::path& labels_path, Split split) {
    const auto images = read_idx(images_path), labels = read_idx(labels_path);
    check(images.shape.size() == 3 && images.shape[1] == kSide && images.shape[2] == kSide, images_path.string(),
          ": expected images of 28 x 28 pixels");
    check(images.shape[0] > 0, images_path.string(), ": no images in it; expected at least one");
    check(labels.shape.size() == 1 && labels.shape[0] == images.shape[0], labels_path.string(), ": ",
          labels.values.size(), " labels; expected one for each of the ", images.shape[0], " images");
    for (std::size_t i = 0; i < labels.values.size(); ++i) {
      const auto label = static_cast<unsigned char>(labels.values[i]);
      check(label <= 9, labels_path.string(), ": label ", i, " is ", static_cast<int>(label), "; expected 0 to 9");
      items(split).push_back(static_cast<std::int64_t>(labels_.size()));
      labels_.push_back(label);
    }
    pixels_ += images.values;
    hash_.update(images.values);
    hash_.update(labels.values);
    facts_.found.push_back("images " + images_path.string() + ", labels " + labels_path.string());
  }

  /// 54,000 and 6,000 as torch's random_split with that seed has them.
  void hold_out_at_random(std::uint32_t seed) {
    const auto all = items(Split::train);
    const auto kept = static_cast<std::int64_t>(static_cast<double>(all.size()) * (1 - kValidation));
    const auto order = torch_permutation(static_cast<std::int64_t>(all.size()), seed);
    items(Split::train).assign(order.begin(), order.begin() + kept);
    items(Split::val).assign(order.begin() + kept, order.end());
    for (const auto split : {Split::train, Split::val}) std::sort(items(split).begin(), items(split).end());
  }

  Sha256 hash_;
};

class SequentialMnist final : public Mnist {
 public:
  struct Config : Options {
    static const FieldTable<Config>& fields() {
      static const auto table = mnist_fields<Config>();
      return table;
    }
  };
  SequentialMnist(const Config& config, const SequenceSource& source) : Mnist(config, source) {}
};

/// The bits of the position reversed, in the smallest power of two that has room; positions outside are left out.
std::vector<std::int64_t> bit_reversal(std::int64_t n) {
  std::int64_t bits = 0;
  while ((std::int64_t{1} << bits) < n) ++bits;
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < std::int64_t{1} << bits; ++i) {
    std::int64_t reversed = 0;
    for (std::int64_t b = 0; b < bits; ++b) reversed |= (i >> b & 1) << (bits - 1 - b);
    if (reversed < n) order.push_back(reversed);
  }
  return order;
}

class PermutedMnist final : public Mnist {
 public:
  struct Config : Options {
    std::string permutation = "bit-reversal";
    static const FieldTable<Config>& fields() {
      static const auto table = mnist_fields<Config>().add(
          "permutation", &Config::permutation,
          "the fixed order of the pixels: bit-reversal (S4) or numpy-92916 (RandomState(92916), most papers on RNNs)",
          one_of({"bit-reversal", "numpy-92916"}));
      return table;
    }
  };
  PermutedMnist(const Config& config, const SequenceSource& source) : Mnist(config, source) {
    const auto n = steps(0);
    order_ = config.permutation == "bit-reversal" ? bit_reversal(n) : numpy_permutation(n, 92916);
    facts_.found.push_back("permutation of the pixels: " + config.permutation);
    facts_.protocol = "pmnist-" + config.permutation;
  }
};

const std::string kSource = "Le, Jaitly, Hinton 2015; files: yann.lecun.com/exdb/mnist";

const RegisterSequenceData<SequentialMnist> sequential({.name = "smnist",
                                                        .title = "sequential MNIST",
                                                        .family = "images",
                                                        .summary = "digits, one grey level a step",
                                                        .source = kSource,
                                                        .layouts = mnist_layouts()});
const RegisterSequenceData<PermutedMnist> permuted(
    {.name = "pmnist",
     .title = "permuted MNIST",
     .family = "images",
     .summary = "digits in a fixed order of their pixels, bits reversed or random",
     .source = kSource,
     .layouts = mnist_layouts()});

}  // namespace
}  // namespace longwave
