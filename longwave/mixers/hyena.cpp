// Hyena, "Hyena Hierarchy: Towards Larger Convolutional Language Models" (Poli et al. 2023): products of projections
// and long convolutions in turn, whose filters are an MLP of the position, damped over time.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/ops/fft_convolution.h"
#include "longwave/ops/short_convolution.h"

namespace longwave {
namespace {

struct HyenaConfig {
  std::int64_t l_max = 0, order = 2, filter_order = 64, emb_dim = 3, num_inner_mlps = 2;
  double w = 1, fast_decay_pct = 0.3, slow_decay_pct = 1.5, target = 1e-2, shift = 0;
  static const FieldTable<HyenaConfig>& fields() {
    static const auto table =
        FieldTable<HyenaConfig>()
            .add("l_max", &HyenaConfig::l_max, "taps of the filters; 0: the model's longest sequence",
                 at_least<std::int64_t>(0))
            .add("order", &HyenaConfig::order, "multiplications; one convolution less", at_least<std::int64_t>(2))
            .add("filter_order", &HyenaConfig::filter_order, "width of the filters' MLP", at_least<std::int64_t>(1))
            .add("emb_dim", &HyenaConfig::emb_dim, "features of a position", odd())
            .add("num_inner_mlps", &HyenaConfig::num_inner_mlps, "hidden layers after the first",
                 at_least<std::int64_t>(0))
            .add("w", &HyenaConfig::w, "initial frequency of the MLP's sines")
            .add("fast_decay_pct", &HyenaConfig::fast_decay_pct, "quickest damping reaches `target` at this fraction",
                 at_least<double>(1e-6))
            .add("slow_decay_pct", &HyenaConfig::slow_decay_pct, "slowest damping", at_least<double>(1e-6))
            .add("target", &HyenaConfig::target, "what damping leaves there", between<double>(1e-12, 1))
            .add("shift", &HyenaConfig::shift, "added to the damping");
    return table;
  }
};

class Hyena final : public SequenceMixer, public HasStateParameters {
 public:
  using Config = HyenaConfig;

  Hyena(const MixerSizes& sizes, const Config& config) : config_(config), d_(sizes.d) {
    constexpr std::int64_t kUnknownLength = 1024;
    if (config_.l_max == 0) config_.l_max = sizes.l_max > 0 ? sizes.l_max : kUnknownLength;
    check(config_.emb_dim >= 3, "hyena: emb_dim is ", config_.emb_dim, "; expected an odd number from 3");
    const auto width = (config_.order + 1) * d_;
    in_ = register_module("in_proj", torch::nn::Linear(d_, width));
    out_ = register_module("out_proj", torch::nn::Linear(d_, d_));
    auto filter = register_module("short_filter", std::make_shared<Module>());
    const double bound = 1 / std::sqrt(3.0);
    short_weight_ = filter->register_parameter("weight", at::empty({width, 1, 3}).uniform_(-bound, bound));
    short_bias_ = filter->register_parameter("bias", at::empty({width}).uniform_(-bound, bound));
    make_filters();
  }

  MixerProperties properties() const override {
    return {.causal = true,
            .streams = false,
            .cost = Cost::linearithmic,
            .reason = "its filters are no state-space models: a step would need the whole history"};
  }

  /// The positions that the filters are functions of have a learning rate of their own, 1e-5 (Poli et al. 2023).
  std::vector<std::string> state_parameters() const override { return {"filter_fn.pos_emb.z"}; }

  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state) override {
    check_input("hyena", x, d_, lengths, state);
    const auto valid = valid_steps(lengths, x);
    const auto projected = zero_padding(in_->forward(zero_padding(x, valid)), valid);
    const auto mixed =
        zero_padding(ops::short_convolution(projected, short_weight_.squeeze(1), short_bias_, false), valid);
    const auto parts = mixed.chunk(config_.order + 1, -1);  // x_0 .. x_(n-1), v
    const auto k = filters(std::min(x.size(1), config_.l_max));
    auto v = parts.back();
    for (std::int64_t i = config_.order - 1, o = 0; i >= 1; --i, ++o)
      v = ops::fft_convolution(v, k[o].unsqueeze(0),
                               {.skip = bias_.view({-1, d_})[o].unsqueeze(0),
                                .gate_in = parts[static_cast<std::size_t>(i)],
                                .gate_out = i == 1 ? parts[0] : at::Tensor()});
    return zero_padding(out_->forward(v), valid);
  }

 private:
  void make_filters() {
    const auto l = config_.l_max, bands = (config_.emb_dim - 1) / 2, m = config_.filter_order;
    const auto outputs = (config_.order - 1) * d_;
    auto function = register_module("filter_fn", std::make_shared<Module>());
    bias_ = function->register_parameter("bias", at::randn({outputs}));
    auto positions = function->register_module("pos_emb", std::make_shared<Module>());
    const auto t = at::linspace(0, 1, l).view({1, l, 1});
    const auto angle = at::linspace(1e-4, static_cast<double>(bands - 1), bands) *
                       (2 * M_PI / static_cast<double>(l) * at::arange(l, at::kFloat).view({1, l, 1}));
    z_ = positions->register_parameter("z", at::cat({t, at::cos(angle), -at::sin(angle)}, -1));
    t_ = positions->register_buffer("t", t);
    auto mlp = function->register_module("implicit_filter", std::make_shared<Module>());
    layers_.push_back(mlp->register_module("0", torch::nn::Linear(config_.emb_dim, m)));
    auto sine = mlp->register_module("1", std::make_shared<Module>());
    frequency_ = sine->register_parameter("freq", at::full({1, m}, config_.w));
    for (std::int64_t i = 1; i <= config_.num_inner_mlps; ++i)
      layers_.push_back(mlp->register_module(std::to_string(2 * i), torch::nn::Linear(m, m)));
    last_ = mlp->register_module(std::to_string(2 * (config_.num_inner_mlps + 1)),
                                 torch::nn::Linear(torch::nn::LinearOptions(m, outputs).bias(false)));
    const auto slow = std::log(config_.target) / config_.slow_decay_pct,
               fast = std::log(config_.target) / config_.fast_decay_pct;
    deltas_ = function->register_module("modulation", std::make_shared<Module>())
                  ->register_buffer("deltas", at::linspace(slow, fast, outputs).view({1, 1, outputs}));
  }

  /// [order - 1, d, l]: the first l taps.
  at::Tensor filters(std::int64_t l) {
    auto h = z_[0].narrow(0, 0, l);
    for (auto& layer : layers_) h = at::sin(frequency_ * layer->forward(h));
    h = last_->forward(h) * (at::exp(-t_[0].narrow(0, 0, l) * deltas_[0].abs()) + config_.shift);
    note("filter", h);
    return h.t().view({config_.order - 1, d_, l});
  }

  Config config_;
  std::int64_t d_;
  torch::nn::Linear in_{nullptr}, out_{nullptr}, last_{nullptr};
  std::vector<torch::nn::Linear> layers_;
  at::Tensor short_weight_, short_bias_, bias_, z_, t_, frequency_, deltas_;
};

const RegisterMixer<Hyena> registered({
    .name = "hyena",
    .title = "Hyena",
    .family = "convolution",
    .summary = "products of projections and long convolutions in turn, with filters from an MLP of the position",
    .source = "Poli et al. 2023, arXiv 2302.10866",
    .reference = {{"hyena"},
                  [](const Json& config, MixerSizes& sizes, Json&) {
                    sizes.d = config.at("d_model").get<std::int64_t>();
                  },
                  "btd",
                  {},
                  {}},
    .variants = {{"order 3", {{"order", 3}, {"filter_order", 6}, {"emb_dim", 5}, {"shift", 0.05}}, 5},
                 {"short filter", {{"l_max", 9}, {"filter_order", 4}, {"num_inner_mlps", 1}}, 5}},
});

}  // namespace
}  // namespace longwave
