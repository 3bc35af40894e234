// SGConv, "What Makes Convolutional Models Great on Long Sequence Modeling?" (Li et al. 2022): long convolutions whose
// kernels are pieces of few numbers, interpolated to twice the length from piece to piece, and decaying.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <regex>
#include <sstream>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/dropout.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/ops/fft_convolution.h"

namespace longwave {
namespace {

/// Longest kernel, as a power of two: more steps than any model here takes at a time.
constexpr std::int64_t kLongestKernel = 26;

/// Exactly one of cat and sum, and no unknown word.
bool known_mode(const std::string& mode) {
  int orders = 0;
  std::istringstream words(mode);
  for (std::string word; std::getline(words, word, '_');) {
    if (word == "cat" || word == "sum")
      ++orders;
    else if (word != "randn" && word != "nearest" && word != "linear" && word != "learnable")
      return false;
  }
  return orders == 1;
}

struct SgconvConfig {
  std::int64_t l_max = 0, kernel_dim = 32, n_scales = 0, init_scale = 0, channels = 1;
  std::string mode = "cat_randn", activation = "gelu", postact = "glu";
  bool bidirectional = false;
  double decay_min = 2, decay_max = 2, dropout = 0;
  static const FieldTable<SgconvConfig>& fields() {
    static const auto table =
        FieldTable<SgconvConfig>()
            .add("l_max", &SgconvConfig::l_max, "length that the kernels cover; 0: the model's longest sequence",
                 at_least<std::int64_t>(0))
            .add("kernel_dim", &SgconvConfig::kernel_dim, "numbers of a piece", at_least<std::int64_t>(1))
            .add("n_scales", &SgconvConfig::n_scales, "pieces; 0: as many as l_max needs",
                 between<std::int64_t>(0, kLongestKernel + 1))
            .add("init_scale", &SgconvConfig::init_scale, "log2 of the first piece's interpolation",
                 between<std::int64_t>(0, kLongestKernel))
            .add("mode", &SgconvConfig::mode,
                 "words joined by _: cat (pieces one after the other) or sum (all from the start), randn, nearest (no "
                 "linear interpolation), learnable (a power of the position decays)",
                 Rule<std::string>{"made of cat or sum, randn, nearest, linear, learnable", known_mode})
            .add("channels", &SgconvConfig::channels, "outputs of a feature", at_least<std::int64_t>(1))
            .add("bidirectional", &SgconvConfig::bidirectional, "second kernel that weighs later steps")
            .add("decay_min", &SgconvConfig::decay_min, "of the first feature: factor from piece to piece")
            .add("decay_max", &SgconvConfig::decay_max, "of the last feature")
            .add("activation", &SgconvConfig::activation, "of the convolution's outputs", one_of(activation_names()))
            .add("postact", &SgconvConfig::postact, "of the output map; glu: a gate", one_of(gated_activation_names()))
            .add("dropout", &SgconvConfig::dropout, "of whole features, after the activation", fraction());
    return table;
  }
};

class Sgconv final : public SequenceMixer, public HasStateParameters {
 public:
  using Config = SgconvConfig;

  Sgconv(const MixerSizes& sizes, const Config& config) : config_(config), d_(sizes.d), random_(sizes.dropout_stream) {
    constexpr std::int64_t kUnknownLength = 1024;
    if (config_.l_max == 0) config_.l_max = sizes.l_max > 0 ? sizes.l_max : kUnknownLength;
    const auto ratio = static_cast<double>(config_.l_max) / static_cast<double>(config_.kernel_dim);
    if (config_.n_scales == 0)
      config_.n_scales =
          std::max<std::int64_t>(1, 1 + static_cast<std::int64_t>(std::ceil(std::log2(ratio))) - config_.init_scale);
    const auto doublings = config_.n_scales - 1 + config_.init_scale;
    const auto taps = static_cast<double>(config_.kernel_dim) * std::exp2(static_cast<double>(doublings));
    check(taps <= std::exp2(kLongestKernel), "sgconv: kernel_dim = ", config_.kernel_dim,
          ", n_scales = ", config_.n_scales, " and init_scale = ", config_.init_scale, " make kernels of ",
          config_.kernel_dim, " x 2^", doublings, " steps; expected at most 2^", kLongestKernel, " (l_max is ",
          config_.l_max, ")");
    const auto outputs = config_.channels * (config_.bidirectional ? 2 : 1);
    skip_ = register_parameter("D", at::randn({config_.channels, d_}));
    auto list = register_module("kernel_list", std::make_shared<Module>());
    for (std::int64_t i = 0; i < config_.n_scales; ++i)
      pieces_.push_back(list->register_parameter(std::to_string(i), at::randn({outputs, d_, config_.kernel_dim})));
    if (has("learnable")) {
      decay_ =
          register_parameter("decay", at::rand({d_}) * (config_.decay_max - config_.decay_min) + config_.decay_min);
      multiplier_ = register_buffer("multiplier", at::ones({1}));
    } else {
      multiplier_ = register_buffer("multiplier", at::linspace(config_.decay_min, config_.decay_max, d_));
    }
    const auto width = config_.channels * d_;
    output_ = torch::nn::Linear(width, config_.postact == "glu" ? 2 * d_ : d_);
    register_module("output_linear", std::make_shared<Module>())->register_module("0", output_);
    const at::NoGradGuard no_grad;
    norm_ = register_buffer("kernel_norm", kernel(all_taps()).norm(2, at::IntArrayRef{-1}, true));
  }

  /// The kernels have the learning rate that a state-space system has elsewhere (Li et al. 2022).
  std::vector<std::string> state_parameters() const override {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < pieces_.size(); ++i) names.push_back("kernel_list." + std::to_string(i));
    if (decay_.defined()) names.emplace_back("decay");
    return names;
  }

  MixerProperties properties() const override {
    return {.causal = !config_.bidirectional,
            .streams = false,
            .cost = Cost::linearithmic,
            .reason = config_.bidirectional
                          ? "bidirectional: outputs depend on later steps"
                          : "its kernel is no state-space model: a step would need the whole history"};
  }

  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state) override {
    check_input("sgconv", x, d_, lengths, state);
    const auto valid = valid_steps(lengths, x);
    const auto t = x.size(1);
    auto k = kernel(std::min(t, all_taps())) / norm_;
    ops::ConvolutionParts parts{.skip = skip_};
    k = ops::causal_kernels(k, config_.bidirectional, parts);
    if (trace) note_kernel(k, parts.reverse, t);
    auto y = activate(config_.activation, ops::fft_convolution(zero_padding(x, valid), k, parts));
    if (is_training() && config_.dropout > 0)
      y = y * Dropout{config_.dropout, random_.get()}(at::ones({y.size(0), 1, y.size(2)}, y.options()), true);
    return map_and_activate(config_.postact, y, output_->weight, output_->bias, "none", valid);
  }

  TensorMap import_reference(TensorMap weights) const override {
    number_output_map(weights);
    return weights;
  }

 private:
  bool has(const char* word) const { return config_.mode.find(word) != std::string::npos; }

  /// The first `count` numbers between those of a piece, `factor` for each; of a piece that is not reached none, so
  /// that its gradient is zero, as in the reference, and the optimizer goes on with it.
  at::Tensor interpolate(const at::Tensor& piece, std::int64_t factor, std::int64_t count) const {
    if (count == 0 || factor == 1) return piece.narrow(-1, 0, count);
    if (has("nearest")) {
      const auto read = (count + factor - 1) / factor;
      return piece.narrow(-1, 0, read)
          .unsqueeze(-1)
          .expand({-1, -1, -1, std::min(factor, count)})
          .flatten(2)
          .narrow(-1, 0, count);
    }
    const auto made = std::max(count, piece.size(-1) + 1);  // as many as there are libtorch copies, whatever the scale
    return at::upsample_linear1d(piece, at::IntArrayRef(made), false, c10::optional<double>(factor))
        .narrow(-1, 0, count);
  }

  /// Numbers between which piece i is interpolated, for each of its own.
  std::int64_t factor_of(std::int64_t i) const {
    return std::int64_t{1} << ((has("sum") ? i : std::max<std::int64_t>(0, i - 1)) + config_.init_scale);
  }

  std::int64_t all_taps() const {
    return config_.kernel_dim * (std::int64_t{1} << (config_.n_scales - 1 + config_.init_scale));
  }

  /// The first `count` of all taps, not normalised: [c, h, count]. The others, which may be many, are not made.
  at::Tensor kernel(std::int64_t count) const {
    const auto scales = config_.n_scales;
    const bool sum = has("sum");
    const auto multiplier = multiplier_.view({1, -1, 1});
    std::vector<at::Tensor> pieces;
    for (std::int64_t i = 0, begin = 0; i < scales; ++i) {
      const auto end = std::min(count, begin + config_.kernel_dim * factor_of(i));
      auto piece = interpolate(pieces_[static_cast<std::size_t>(i)], factor_of(i), end - begin);
      if (sum) piece = at::constant_pad_nd(piece, {0, count - end});
      pieces.push_back(piece * multiplier.pow(scales - 1 - i));
      if (!sum) begin = end;
    }
    auto k = sum ? at::stack(pieces).sum(0) : at::cat(pieces, -1);
    if (!has("learnable")) return k;
    const auto position = at::log(at::arange(1, count + 1, k.options().requires_grad(false)));
    return k * at::exp(-decay_.view({1, -1, 1}) * position);
  }

  /// As the reference stores it: t taps, or 2 t of both directions, those of later steps from the end.
  void note_kernel(const at::Tensor& k, const at::Tensor& reverse, std::int64_t t) const {
    const auto filled = [&](const at::Tensor& x) { return at::constant_pad_nd(x, {0, t - x.size(-1)}); };
    note("kernel", reverse.defined() ? at::cat({filled(k), filled(reverse).flip(-1)}, -1) : filled(k));
  }

  Config config_;
  std::int64_t d_;
  at::Tensor skip_, decay_, multiplier_, norm_;
  std::vector<at::Tensor> pieces_;
  torch::nn::Linear output_{nullptr};
  DropoutStream random_;
};

const RegisterMixer<Sgconv> registered({
    .name = "sgconv",
    .title = "SGConv",
    .family = "convolution",
    .summary = "long convolution with kernels of few numbers, interpolated over scales that double and decay",
    .source = "Li et al. 2022, arXiv 2210.09298",
    .reference = {.system_ids = {"sgconv"},
                  .configure =
                      [](const Json& config, MixerSizes& sizes, Json& settings) {
                        sizes.d = config.at("H").get<std::int64_t>();
                        if (!config.contains("mode")) return;  // of it, what the weights start from does not matter
                        const auto mode = config.at("mode").get<std::string>();
                        settings["mode"] = std::regex_replace(mode, std::regex("_(cos|fixed)"), "");
                      },
                  .layout_of = transposed_layout},
    .variants = {{"sum", {{"mode", "sum_randn_nearest"}, {"kernel_dim", 4}, {"channels", 2}, {"init_scale", 1}}, 5},
                 {"learnable",
                  {{"mode", "cat_randn_learnable"}, {"kernel_dim", 8}, {"decay_min", 0.3}, {"decay_max", 0.6}},
                  5},
                 {"bidirectional", {{"bidirectional", true}, {"kernel_dim", 4}, {"postact", "silu"}}, 6}},
});

}  // namespace
}  // namespace longwave
