// H3, "Hungry Hungry Hippos" (Fu et al. 2023): y = q * diag_ssm(shift_ssm(k) v), with outer products of k and v in
// heads wider than one. The shift SSM is a causal filter of d_state taps, the diagonal SSM an S4D.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/derived_diagonal.h"
#include "longwave/nn/hippo.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/step_sizes.h"
#include "longwave/ops/shift_steps.h"

namespace longwave {
namespace {

struct H3Config {
  std::int64_t d_state = 64, head_dim = 1, n_ssm = 0;
  std::string measure = "diag-lin", disc = "bilinear";
  double dt_min = 0.001, dt_max = 0.1;
  static const FieldTable<H3Config>& fields() {
    static const auto table =
        FieldTable<H3Config>()
            .add("d_state", &H3Config::d_state, "taps of the shift SSM, states of the diagonal one",
                 at_least<std::int64_t>(2))
            .add("head_dim", &H3Config::head_dim, "features of a head", at_least<std::int64_t>(1))
            .add("n_ssm", &H3Config::n_ssm, "independent copies of the poles, shared by heads; 0: one each",
                 at_least<std::int64_t>(0))
            .add("measure", &H3Config::measure, "initial poles",
                 one_of({"diag-lin", "diag-inv", "diag-legs", "diag-quad", "diag-random"}))
            .add("disc", &H3Config::disc, "discretisation", one_of({"bilinear", "zoh"}))
            .add("dt_min", &H3Config::dt_min, "smallest initial step size", at_least<double>(1e-9))
            .add("dt_max", &H3Config::dt_max, "largest initial step size", at_least<double>(1e-9));
    return table;
  }
};

class H3 final : public SequenceMixer, public HasStateParameters {
 public:
  using Config = H3Config;

  H3(const MixerSizes& sizes, const Config& config) : config_(config), d_(sizes.d), heads_(sizes.d / config.head_dim) {
    check(d_ % config.head_dim == 0, "h3: head_dim is ", config.head_dim, "; expected a divisor of the width ", d_);
    check(config.d_state % 2 == 0, "h3: d_state is ", config.d_state, "; expected an even number");
    copies_ = config.n_ssm > 0 ? config.n_ssm : heads_;
    check(heads_ % copies_ == 0, "h3: n_ssm is ", copies_, "; expected a divisor of the number of heads ", heads_);
    q_ = register_module("q_proj", torch::nn::Linear(d_, d_));
    k_ = register_module("k_proj", torch::nn::Linear(d_, d_));
    v_ = register_module("v_proj", torch::nn::Linear(d_, d_));
    make_shift();
    make_diagonal();
    shift_skip_ = register_parameter("ssm_k_D", at::randn({d_}));
    skip_ = register_parameter("D", at::randn({heads_}));
    output_ = register_module("output_linear", torch::nn::Linear(d_, d_));
  }

  std::vector<std::string> state_parameters() const override {
    return {"kernel.kernel.log_dt", "kernel.kernel.B", "kernel.kernel.inv_A_real", "kernel.kernel.A_imag"};
  }

  MixerProperties properties() const override { return {.cost = Cost::linearithmic, .reason = ""}; }

  at::Tensor forward(const at::Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("h3", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto split = [&](const at::Tensor& z) { return z.unflatten(2, {heads_, config_.head_dim}); };
    const auto q = split(q_->forward(x)), v = split(v_->forward(x));
    const auto k = split(shift(zero_padding(k_->forward(x), valid), lengths, state));
    const auto ssm =
        derived_diagonal(cache_, *this, {log_dt_, b_, c_, inv_a_real_, a_imag_}, 2, [this] { return model(); });
    if (trace) note("kernel_diag", ssm.kernel(x.size(1)));
    const bool single = config_.head_dim == 1;
    if (single && !state) {  // the products are gates of the convolution
      const auto o = ops::fft_convolution(
          k.squeeze(-1), ssm.kernel(x.size(1)),
          {.skip = skip_.unsqueeze(0), .gate_in = zero_padding(v.squeeze(-1), valid), .gate_out = q.squeeze(-1)});
      return zero_padding(output_->forward(o), valid);
    }
    // Outer products [b, d1, d2, t, h]: every pair is a sequence of its own for the diagonal model.
    const auto kv =
        single ? (k * v).squeeze(-1).unsqueeze(1).unsqueeze(1) : at::einsum("bthi,bthj->bijth", {k, v}).contiguous();
    auto u = kv.flatten(0, 2);
    const auto pairs = config_.head_dim * config_.head_dim;
    if (valid.defined()) u = zero_padding(u, valid.repeat_interleave(pairs, 0));
    const auto each_length = lengths.defined() ? lengths.repeat_interleave(pairs, 0) : lengths;
    auto h = state ? state->at("diagonal").flatten(0, 2) : at::Tensor();
    const auto y = diagonal_ssm(ssm, u, each_length, state ? &h : nullptr, {.skip = skip_.unsqueeze(0)});
    if (state) state->at("diagonal") = h.view(state->at("diagonal").sizes());
    const auto o = single ? y * q.squeeze(-1) : at::einsum("bijth,bthi->btjh", {y.view(kv.sizes()), q}).flatten(2);
    return zero_padding(output_->forward(o), valid);
  }

  State first_state(std::int64_t b) const override {
    const auto options = skip_.options().requires_grad(false);
    return {{"shift", at::zeros({b, d_, config_.d_state}, options)},
            {"diagonal", at::zeros({b, config_.head_dim, config_.head_dim, heads_, config_.d_state / 2, 2}, options)}};
  }

  /// Of the diagonal model; the taps of the shift SSM are steps whatever these mean.
  bool scale_step(double factor) override { return scale_logarithm(log_dt_, factor); }

 private:
  void make_shift() {
    auto kernel = register_module("ssm_k_kernel", std::make_shared<Module>())
                      ->register_module("kernel", std::make_shared<Module>());
    auto first = at::zeros({d_, config_.d_state});
    first.select(1, 0).fill_(1);
    shift_b_ = kernel->register_parameter("B", first);
    const double bound = 1 / std::sqrt(static_cast<double>(config_.d_state));
    shift_c_ = kernel->register_parameter("C", at::empty({1, d_, config_.d_state}).uniform_(-bound, bound));
  }

  void make_diagonal() {
    const auto half = config_.d_state / 2;
    auto kernel =
        register_module("kernel", std::make_shared<Module>())->register_module("kernel", std::make_shared<Module>());
    const auto poles = diagonal_poles(config_.measure, 2 * half);
    const auto copies = [&](const at::Tensor& row) { return row.to(at::kFloat).repeat({copies_, 1}); };
    log_dt_ = kernel->register_parameter("log_dt", draw_log_steps("h3", {heads_}, config_.dt_min, config_.dt_max));
    b_ = kernel->register_parameter("B", at::stack({at::ones({copies_, half}), at::zeros({copies_, half})}, -1));
    c_ = kernel->register_parameter("C", at::randn({1, heads_, half, 2}) * std::sqrt(0.5));
    inv_a_real_ = kernel->register_parameter("inv_A_real", copies(at::log(-at::real(poles))));
    a_imag_ = kernel->register_parameter("A_imag", copies(-at::imag(poles)));
  }

  DiagonalSsm model() const {
    const auto repeats = heads_ / copies_;
    const auto a = at::complex(-at::exp(inv_a_real_), a_imag_).repeat({repeats, 1});
    const auto b = at::view_as_complex(b_).repeat({repeats, 1});
    return {discretize_logarithm(config_.disc, a, b, at::exp(log_dt_).unsqueeze(-1)), at::view_as_complex(c_)};
  }

  /// K[l] = sum over j of B[j] C[j + l], zero beyond the taps.
  at::Tensor shift_kernel() const {
    const auto n = config_.d_state;
    const auto shifted = at::constant_pad_nd(shift_c_[0], {0, n - 1}).unfold(1, n, 1);  // [d, l, j] = C[j + l]
    return at::matmul(shifted, shift_b_.unsqueeze(-1)).squeeze(-1).unsqueeze(0);
  }

  /// The state s[j] of the shift SSM moves up by one a step and takes B k; outputs C s + D k.
  at::Tensor shift(const at::Tensor& k, const Lengths& lengths, State* state) {
    const auto n = config_.d_state, t = k.size(1);
    constexpr std::int64_t kStepwise = 4;
    if (state && t <= kStepwise) {
      const auto r = ops::shift_steps(k, shift_b_, shift_c_[0], shift_skip_, state->at("shift"), lengths);
      state->at("shift") = r.state;
      return r.y;
    }
    const auto kernel = shift_kernel();
    if (trace) note("kernel_shift", t <= n ? kernel.narrow(2, 0, t) : at::constant_pad_nd(kernel, {0, t - n}));
    auto y = ops::fft_convolution(k, kernel, {.skip = shift_skip_.unsqueeze(0)});
    if (!state) return y;
    auto& s = state->at("shift");  // [b, d, n]
    // What is in the state leaves it through later taps: y[k] += sum over j of C[j + k + 1] s[j].
    const auto later = at::constant_pad_nd(shift_c_[0].slice(1, 1), {0, n}).unfold(1, n, 1);  // [d, k, j]
    const auto steps = std::min(t, n);
    const auto response = at::einsum("dkj,bdj->bkd", {later.narrow(1, 0, steps), s});
    y = y + at::constant_pad_nd(response, {0, 0, 0, t - steps});
    // s'[j] = s[j - t] + sum over i <= j of B[j - i] k[t - 1 - i].
    const auto last =
        at::constant_pad_nd((lengths.defined() ? align_right(k, lengths) : k).flip(1).transpose(1, 2), {0, n})
            .narrow(2, 0, n);                                                         // [b, d, i]
    const auto rows = at::constant_pad_nd(shift_b_.flip(1), {0, n}).unfold(1, n, 1);  // [d, n - 1 - j, i] = B[j - i]
    const auto taken = at::einsum("dji,bdi->bdj", {rows.narrow(1, 0, n).flip(1), last});
    const auto moved = lengths.defined() ? lengths.view({-1, 1, 1}) : at::full({1, 1, 1}, t, at::kLong);
    const auto source = at::arange(n, at::kLong).view({1, 1, n}) - moved;  // [b, 1, j]
    const auto kept = at::where(source >= 0, s.gather(2, source.clamp_min(0).expand_as(s)), at::zeros({}, s.options()));
    s = kept + taken;
    return y;
  }

  Config config_;
  std::int64_t d_, heads_, copies_ = 0;
  torch::nn::Linear q_{nullptr}, k_{nullptr}, v_{nullptr}, output_{nullptr};
  at::Tensor shift_b_, shift_c_, shift_skip_, log_dt_, b_, c_, inv_a_real_, a_imag_, skip_;
  DerivedCache cache_;
};

/// The diagonal states of all pairs of channels of a head are one axis with the rows there.
State initial_state(const TensorMap& in) {
  State state;
  if (const auto shift = given_state(in, "_shift"); shift.defined()) state["shift"] = shift;
  if (const auto diagonal = given_state(in, "_diag"); diagonal.defined()) {
    const auto& x = in.at("x");
    const auto head_dim = x.size(2) / diagonal.size(1);
    state["diagonal"] = diagonal.unflatten(0, {x.size(0), head_dim, head_dim});
  }
  return state;
}

const RegisterMixer<H3> registered({
    .name = "h3",
    .title = "H3",
    .family = "state space",
    .summary = "a shift and a diagonal state-space model between multiplications by projections of the input",
    .source = "Fu et al. 2023, arXiv 2212.14052",
    .reference = {.system_ids = {"h3"},
                  .configure =
                      [](const Json& config, MixerSizes& sizes, Json& settings) {
                        sizes.d = config.at("d_model").get<std::int64_t>();
                        settings.erase("measure");  // any: the weights are loaded
                        const auto poles =
                            config.value("weights", Json::object()).value("kernel.kernel.A_imag", Json());
                        if (!poles.empty()) settings["n_ssm"] = poles[0];
                      },
                  .final_state =
                      [](const State& state) {
                        return TensorMap{{"final_state_shift", state.at("shift")},
                                         {"final_state_diag", state.at("diagonal").flatten(0, 2)}};
                      },
                  .initial_state = initial_state},
    .variants = {{"heads", {{"head_dim", 2}, {"d_state", 4}, {"n_ssm", 3}, {"measure", "diag-inv"}}, 6},
                 {"zoh", {{"d_state", 6}, {"disc", "zoh"}, {"measure", "diag-legs"}}, 5}},
});

}  // namespace
}  // namespace longwave
