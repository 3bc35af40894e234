// DSS, "Diagonal State Spaces are as Effective as Structured State Spaces" (Gupta, Gu, Berant 2022). States are not
// conjugate pairs: the kernel is the real part of a plain sum, normalised by a softmax over time or by exp(-Re) poles.

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/diagonal_ssm.h"
#include "longwave/nn/hippo.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/step_sizes.h"
#include "longwave/ops/vandermonde.h"

namespace longwave {
namespace {

struct DssConfig {
  std::string version = "softmax", activation = "gelu", postact = "glu";
  std::int64_t d_state = 16, channels = 1;
  bool bidirectional = false, sep_dt_re_im = true;
  double epsilon = 1e-7, dt_min = 0.001, dt_max = 0.1;
  static const FieldTable<DssConfig>& fields() {
    static const auto table =
        FieldTable<DssConfig>()
            .add("version", &DssConfig::version, "how the kernel is normalised", one_of({"softmax", "exp"}))
            .add("d_state", &DssConfig::d_state, "complex states of a feature", at_least<std::int64_t>(1))
            .add("channels", &DssConfig::channels, "outputs of a feature", at_least<std::int64_t>(1))
            .add("bidirectional", &DssConfig::bidirectional, "second kernel that weighs later steps")
            .add("sep_dt_re_im", &DssConfig::sep_dt_re_im, "step sizes of their own for real and imaginary parts")
            .add("epsilon", &DssConfig::epsilon, "of softmax: keeps reciprocals finite", at_least<double>(0))
            .add("dt_min", &DssConfig::dt_min, "smallest initial step size", at_least<double>(1e-9))
            .add("dt_max", &DssConfig::dt_max, "largest initial step size", at_least<double>(1e-9))
            .add("activation", &DssConfig::activation, "of the layer's outputs", one_of(activation_names()))
            .add("postact", &DssConfig::postact, "of the output map; glu: a gate", one_of(gated_activation_names()));
    return table;
  }
};

class Dss final : public SequenceMixer, public HasStateParameters {
 public:
  using Config = DssConfig;

  Dss(const MixerSizes& sizes, const Config& config) : config_(config), d_(sizes.d) {
    const auto n = config.d_state, outputs = config.channels * (config.bidirectional ? 2 : 1);
    skip_ = register_parameter("D", at::randn({config.channels, d_}));
    auto kernel = register_module("kernel", std::make_shared<Module>());
    const auto log_dt = draw_log_steps("dss", {d_, 1}, config.dt_min, config.dt_max);
    log_dt_ = kernel->register_parameter("log_dt", log_dt.repeat({1, config.sep_dt_re_im ? 2 : 1}));
    w_ = kernel->register_parameter("W", at::randn({outputs, d_, n, 2}));
    const auto frequencies = -at::imag(normal_plus_low_rank("legs", 2 * n).lambda).to(at::kFloat).contiguous();
    if (config.version == "softmax") {
      lambda_ = kernel->register_parameter("Lambda", at::stack({at::full_like(frequencies, -0.5), frequencies}, -1));
    } else {
      log_decay_ = kernel->register_parameter("Lambda_log_neg_re", at::full_like(frequencies, std::log(0.5)));
      frequency_ = kernel->register_parameter("Lambda_im", frequencies);
    }
    auto output =
        register_module("output_linear", std::make_shared<Module>())->register_module("0", std::make_shared<Module>());
    const auto width = config.channels * d_, rows = config.postact == "glu" ? 2 * d_ : d_;
    const double bound = 1 / std::sqrt(static_cast<double>(width));
    weight_ = output->register_parameter("weight", at::empty({rows, width}).uniform_(-bound, bound));
    bias_ = output->register_parameter("bias", at::zeros({rows, 1}));
  }

  std::vector<std::string> state_parameters() const override {
    if (lambda_.defined()) return {"kernel.log_dt", "kernel.Lambda", "kernel.W"};
    return {"kernel.log_dt", "kernel.Lambda_log_neg_re", "kernel.Lambda_im", "kernel.W"};
  }

  MixerProperties properties() const override {
    const bool exp = config_.version == "exp", causal = !config_.bidirectional;
    return {.causal = causal,
            .streams = causal && exp,
            .cost = Cost::linearithmic,
            .reason = !causal ? "bidirectional: outputs depend on later steps"
                      : !exp  ? "the softmax normalises the kernel by the length of the sequence"
                              : ""};
  }

  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state) override {
    check_input("dss", x, d_, lengths, state);
    const auto valid = valid_steps(lengths, x);
    const auto u = zero_padding(x, valid);
    const auto y = config_.version == "exp" ? by_exp(u, lengths, state)
                   : lengths.defined()      ? by_softmax_of_each_length(u, lengths)
                                            : convolve(u, softmax_kernel(u.size(1)));
    return map_and_activate(config_.postact, y, weight_, bias_.squeeze(-1), config_.activation, valid);
  }

  State first_state(std::int64_t b) const override {
    if (!properties().streams) return SequenceMixer::first_state(b);
    return {{"h", at::zeros({b, d_, config_.d_state, 2}, skip_.options().requires_grad(false))}};
  }

  bool scale_step(double factor) override { return scale_logarithm(log_dt_, factor); }

  /// One step size a feature is a vector there; the output map has no number without an activation, and a plain bias in
  /// modules that take [b, t, d].
  TensorMap import_reference(TensorMap weights) const override {
    number_output_map(weights);
    for (const auto* name : {"kernel.log_dt", "output_linear.0.bias"})
      if (const auto found = weights.find(name); found != weights.end() && found->second.dim() == 1)
        found->second = found->second.unsqueeze(-1);
    return weights;
  }

 private:
  /// dt Lambda, [h, n] in double (small numbers are subtracted from one): step sizes of both parts may differ.
  at::Tensor scaled(const at::Tensor& lambda) const {
    const auto dt = at::exp(log_dt_.to(at::kDouble));
    return at::complex(dt.slice(1, 0, 1) * at::real(lambda), dt.slice(1, dt.size(1) - 1) * at::imag(lambda));
  }

  /// States that stand for themselves; log_a = dt Lambda.
  at::Tensor by_exp(const at::Tensor& u, const Lengths& lengths, State* state) {
    const auto w = at::view_as_complex(w_);
    const auto lambda = at::complex(-at::exp(log_decay_), frequency_).to(at::kComplexDouble);
    const auto z = scaled(lambda);
    const auto square = (lambda * lambda.conj()).resolve_conj();
    constexpr double kSmallest = 1e-7;
    const auto inverse = lambda.conj() / at::real(square).clamp_min(kSmallest);
    const auto c = w * ((at::exp(z) - 1) * inverse).to(w.scalar_type());
    const DiagonalSsm ssm{{z.to(w.scalar_type()), at::ones(z.sizes(), w.options().requires_grad(false))}, c, 1};
    if (!config_.bidirectional && !trace)
      return diagonal_ssm(ssm, u, lengths, state ? &state->at("h") : nullptr, {.skip = skip_});
    return convolve(u, ssm.kernel(u.size(1)));
  }

  at::Tensor convolve(const at::Tensor& u, const at::Tensor& k) {
    note("K", k);
    ops::ConvolutionParts parts{.skip = skip_};
    const auto causal = ops::causal_kernels(k, config_.bidirectional, parts);
    return ops::fft_convolution(u, causal, parts);
  }

  /// The kernel depends on the length: rows of one length go together.
  at::Tensor by_softmax_of_each_length(const at::Tensor& u, const Lengths& lengths) {
    auto y = at::zeros({u.size(0), u.size(1), config_.channels * d_}, u.options());
    const auto distinct = std::get<0>(at::_unique(lengths));
    for (std::int64_t i = 0; i < distinct.size(0); ++i) {
      const auto t = distinct[i].item<std::int64_t>();
      if (t == 0) continue;
      const auto rows = (lengths == t).nonzero().squeeze(-1);
      const auto part = convolve(u.index_select(0, rows).narrow(1, 0, t), softmax_kernel(t));
      y = y.index_copy(0, rows, at::constant_pad_nd(part, {0, 0, 0, u.size(1) - t}));
    }
    return y;
  }

  /// Re sum of W (e^(s z) - 1) / (Lambda (e^(s z t) - 1)) e^(z l - shift), z = dt Lambda. Poles that grow (s = -1) are
  /// shifted by their largest exponent, z (t - 1), which as in the reference counts as a constant in the gradient.
  at::Tensor softmax_kernel(std::int64_t t) const {
    const auto w = at::view_as_complex(w_);
    const auto lambda = at::view_as_complex(lambda_.to(at::kDouble)), z = scaled(lambda);
    const auto grows = at::real(lambda) > 0;
    const auto falling = at::where(grows, -z, z);
    const auto denominator = lambda * (at::exp(falling * static_cast<double>(t)) - 1);
    const auto inverse = denominator.conj() / (denominator * denominator.conj() + config_.epsilon);
    const auto weight = 0.5 * (at::exp(falling) - 1) * inverse;
    const auto kernel = [&](const at::Tensor& which, const at::Tensor& factor, const at::Tensor& x) {
      const auto none = at::zeros({}, x.options());
      return ops::vandermonde_kernel(w * at::where(which, factor, none).to(w.scalar_type()),
                                     at::where(which, x, none).to(w.scalar_type()), t);
    };
    const auto k = kernel(grows.logical_not(), weight, z);
    if (!grows.any().item<bool>()) return k;
    const auto constant_shift = at::exp((falling.detach() - falling) * static_cast<double>(t - 1));  // one
    const auto growing = kernel(grows, weight * constant_shift, falling);
    return k + growing.flip(-1);
  }

  Config config_;
  std::int64_t d_;
  at::Tensor skip_, log_dt_, w_, lambda_, log_decay_, frequency_, weight_, bias_;
};

const RegisterMixer<Dss> registered({
    .name = "dss",
    .title = "DSS",
    .family = "state space",
    .summary = "diagonal state-space kernels whose states are no conjugate pairs, normalised over time",
    .source = "Gupta, Gu, Berant 2022, arXiv 2203.14343",
    .reference = {.system_ids = {"dss"},
                  .configure =
                      [](const Json& config, MixerSizes& sizes, Json& settings) {
                        sizes.d = config.at("H").get<std::int64_t>();
                        settings["d_state"] = config.at("N");
                      },
                  .layout_of = transposed_layout},
    .variants = {{"exp", {{"version", "exp"}, {"d_state", 6}}, 5},
                 {"one dt", {{"sep_dt_re_im", false}, {"d_state", 3}, {"channels", 2}, {"postact", "tanh"}}, 5},
                 {"bidirectional", {{"bidirectional", true}, {"version", "exp"}, {"d_state", 4}}, 6},
                 {"bidirectional softmax", {{"bidirectional", true}, {"d_state", 4}}, 6}},
});

}  // namespace
}  // namespace longwave
