#include "longwave/nn/s4_layer.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/derived_diagonal.h"
#include "longwave/nn/hippo.h"
#include "longwave/nn/step_sizes.h"
#include "longwave/ops/steps.h"

namespace longwave {
namespace {

using at::Tensor;

constexpr double kSmallest = 1e-4;     // of a stored magnitude whose logarithm is the parameter
constexpr double kClip = 2;            // of the imaginary part of the HiPPO input vector
constexpr std::int64_t kStepwise = 8;  // up to here, with gradients, the recurrence is quicker than a convolution

struct Start {
  Tensor a, b;    // [n / 2] complex128
  Tensor p = {};  // [r, n / 2]
};

/// The block, which is of either kind, has one list of names.
void check_init(const S4Options& o) {
  const bool of_diagonal = o.init.starts_with("diag-");
  if (o.mode == "diag")
    check(of_diagonal, o.mixer, ": init is '", o.init,
          "'; expected one that begins with diag- in a diagonal model, or a ", "low-rank one (mode = dplr)");
  else
    check(!of_diagonal, o.mixer, ": init is '", o.init, "'; expected legs, legt or fourier in a low-rank model, or a ",
          "diagonal one (mode = diag)");
}

Start dplr_start(const S4Options& o) {
  const auto parts = normal_plus_low_rank(o.init, o.d_state);
  const auto needed = parts.p.size(0), rank = o.rank == 0 ? needed : o.rank;
  check(rank >= needed, o.mixer, ": rank is ", rank, "; expected at least ", needed, " for init ", o.init);
  return {parts.lambda, clip_imaginary(parts.b, kClip), at::constant_pad_nd(parts.p, {0, 0, 0, rank - needed})};
}

Start diagonal_start(const S4Options& o) {
  const auto n = o.is_real ? 2 * o.d_state : o.d_state;
  if (o.init == "diag-legs") {
    const auto parts = normal_plus_low_rank("legs", n);
    return {parts.lambda, clip_imaginary(parts.b, kClip)};
  }
  return {diagonal_poles(o.init, n), at::ones({n / 2}, at::kComplexDouble)};
}

Tensor stored(const Tensor& x) { return at::view_as_real(x.resolve_conj()).to(at::kFloat).contiguous(); }

Tensor transformed(const std::string& name, const Tensor& x) {
  if (name == "exp") return at::exp(x);
  if (name == "relu") return at::relu(x) + kSmallest;
  if (name == "sigmoid") return at::sigmoid(x);
  return name == "softplus" ? at::softplus(x) : x;
}

/// The parameter that becomes x, but for x below kSmallest. `what` is the option that names the function.
Tensor parameter_for(const S4Options& o, const char* what, const std::string& name, const Tensor& any) {
  const auto x = any.clamp_min(kSmallest);
  if (name == "exp") return at::log(x);
  if (name == "softplus") return softplus_inverse(x);
  if (name != "sigmoid") return x;
  const auto largest = x.max().item<double>();
  check(largest < 1, o.mixer, ": ", what, " is sigmoid, which stays below 1, and would begin at ", largest,
        "; expected exp or softplus, or a smaller start");
  return at::logit(x);
}

Tensor standard_complex_normal(at::IntArrayRef sizes) {
  return at::randn(sizes, at::kComplexDouble);  // variance 1/2 of each part
}

}  // namespace

// --- The kernel

S4Kernel::S4Kernel(const S4Options& options) : options_(options) {
  auto& o = options_;
  if (o.n_ssm == 0) o.n_ssm = o.d;
  check(o.is_real || (o.d_state >= 2 && o.d_state % 2 == 0), o.mixer, ": d_state is ", o.d_state,
        "; expected an even number");
  check_init(o);
  check(o.mode == "diag" || !o.is_real, o.mixer, ": is_real is true; expected false for mode dplr");
  check(o.mode == "diag" || o.bandlimit == 0, o.mixer, ": bandlimit is ", o.bandlimit, "; expected 0 for mode dplr");
  check(!o.is_real || o.bandlimit == 0, o.mixer, ": bandlimit is ", o.bandlimit,
        "; expected 0 with is_real (no frequencies)");
  check(o.d % o.n_ssm == 0, o.mixer, ": n_ssm is ", o.n_ssm, "; expected a divisor of the width ", o.d);
  check(o.mode == "dplr" || o.rank == 0, o.mixer, ": rank is ", o.rank, "; expected 0 for mode diag");
  start(o);
}

void S4Kernel::start(const S4Options& o) {
  const auto count = states(), outputs = o.channels * (o.bidirectional ? 2 : 1);
  const bool low_rank = o.mode == "dplr";
  const auto dt =
      at::exp(draw_log_steps(o.mixer.c_str(), {o.d, o.dt_tie ? 1 : count}, o.dt_min, o.dt_max, at::kDouble));
  const auto from = low_rank ? dplr_start(o) : diagonal_start(o);
  const auto copies = [&](const Tensor& x) { return x.unsqueeze(-2).expand({-1, o.n_ssm, count}); };
  const auto a = copies(from.a.unsqueeze(0))[0];
  const auto real = [](const Tensor& x) { return at::real(x).to(at::kFloat).contiguous(); };
  const auto number = [&](const Tensor& x) { return o.is_real ? real(x) : stored(x); };
  inv_dt_ = register_parameter("inv_dt", real(parameter_for(o, "dt_transform", o.dt_transform, dt)));
  a_real_ = register_parameter("A_real", real(parameter_for(o, "real_transform", o.real_transform, -at::real(a))));
  if (!o.is_real)
    a_imag_ = register_parameter("A_imag", real(parameter_for(o, "imag_transform", o.imag_transform, -at::imag(a))));
  if (low_rank) p_ = register_parameter("P", stored(copies(from.p)));
  b_ = register_parameter("B", number(copies(from.b.unsqueeze(0))));
  const auto c = standard_complex_normal({outputs, o.d, count});
  c_ = register_parameter("C", number(c));
  if (!low_rank) return;
  l_kernel_ = register_buffer("l_kernel", at::full({1}, o.l_max, at::kLong));
  if (o.l_max == 0) return;
  const at::NoGradGuard no_grad;
  auto ssm = dplr();
  c_.copy_(stored(times_power(c, dense_system(ssm), o.l_max, -1)));
}

std::int64_t S4Kernel::states() const { return options_.is_real ? options_.d_state : options_.d_state / 2; }

Tensor S4Kernel::trained_step_sizes() const { return transformed(options_.dt_transform, inv_dt_); }

Tensor S4Kernel::step_sizes() const {
  return step_scale_ == 1 ? trained_step_sizes() : step_scale_ * trained_step_sizes();
}

// C (I - dA^l) is of the dA before, and would give a wrong kernel with another.
void S4Kernel::scale_step(double factor) {
  const at::NoGradGuard no_grad;
  const auto length = l_kernel_.defined() ? l_kernel_.item<std::int64_t>() : 0;
  Tensor c;
  if (length > 0) {
    const auto before = dplr();
    c = output_vector(before, dense_system(before)).slice(-1, 0, states());
  }
  step_scale_ *= factor;
  for_steps_.forget(), for_sequences_.forget();
  if (length > 0) at::view_as_complex(c_).copy_(times_power(c, dense_system(dplr()), length, -1));
}

Tensor S4Kernel::number(const Tensor& stored) const {
  return options_.is_real ? at::complex(stored, at::zeros_like(stored)) : at::view_as_complex(stored);
}

Tensor S4Kernel::per_feature(const Tensor& copies) const {
  const auto repeats = options_.d / options_.n_ssm;
  if (repeats == 1) return copies;
  std::vector<std::int64_t> times(static_cast<std::size_t>(copies.dim()), 1);
  times.rbegin()[1] = repeats;
  return copies.repeat(times);
}

Tensor S4Kernel::poles() const {
  const auto decay = transformed(options_.real_transform, a_real_);
  const auto frequency = options_.is_real ? at::zeros_like(decay) : transformed(options_.imag_transform, a_imag_);
  return per_feature(at::complex(-decay, -frequency));
}

DiagonalSsm S4Kernel::diagonal() const {
  const auto dt = step_sizes(), a = poles();
  auto c = number(c_);
  if (options_.bandlimit > 0) {
    const auto frequency = trained_step_sizes() * at::imag(a).abs() / (2 * M_PI);
    c = c * (frequency < 0.5 * options_.bandlimit);
  }
  return {discretize_logarithm(options_.disc, a, per_feature(number(b_))[0], dt), c};
}

Dplr S4Kernel::dplr() const {
  return {.dt = step_sizes(),
          .lambda = poles(),
          .p = per_feature(at::view_as_complex(p_)),
          .b = per_feature(at::view_as_complex(b_))[0],
          .c = at::view_as_complex(c_),
          .length = l_kernel_.item<std::int64_t>()};
}

Tensor S4Kernel::kernel(std::int64_t steps) const {
  const auto longest = std::ceil(static_cast<double>(options_.l_max) / step_scale_);  // of the same time
  const bool cut = options_.cut_kernel && longest < static_cast<double>(steps);
  const auto t = cut ? static_cast<std::int64_t>(longest) : steps;
  return options_.mode == "dplr" ? low_rank_kernel(t) : diagonal().kernel(t);
}

// However short the sequence, the kernel is made at `length` nodes: in evaluation once, and kept while that is cheap.
Tensor S4Kernel::low_rank_kernel(std::int64_t t) const {
  const auto length = l_kernel_.item<std::int64_t>();
  constexpr std::int64_t kMostKept = 1 << 22;  // numbers
  const bool cheap = length * c_.size(0) * c_.size(1) <= kMostKept;
  if (is_training() || at::GradMode::is_enabled() || t > length || !cheap) return dplr_kernels(dplr(), t)[0];
  const auto kept = for_sequences_.get(*this, {inv_dt_, a_real_, a_imag_, p_, b_, c_, l_kernel_},
                                       [&] { return std::vector<Tensor>{dplr_kernels(dplr(), length)[0]}; });
  return kept[0].narrow(-1, 0, t);
}

DplrStep S4Kernel::recurrence() const {
  const auto ssm = dplr();
  const auto full = output_vector(ssm, dense_system(ssm));
  return dplr_step(ssm, full.slice(-1, 0, states()).to(ssm.c.scalar_type()));
}

Tensor S4Kernel::by_recurrence(const Tensor& u, const Tensor& lengths, Tensor& state, const Tensor& skip) {
  const auto k = for_steps_.get(*this, {inv_dt_, a_real_, a_imag_, p_, b_, c_, l_kernel_}, [&] {
    const auto step = fused_coefficients(recurrence());
    return std::vector<Tensor>{step.g, step.b, step.p, step.q, step.c};
  });
  return fused_steps({k[0], k[1], k[2], k[3], k[4]}, u, lengths, state, skip);
}

Tensor S4Kernel::by_poles(const Tensor& u, const Tensor& lengths, const Tensor& skip) const {
  if (options_.mode != "diag" || options_.cut_kernel || options_.channels > 1 || states() > kFewPoles) return {};
  return pole_convolution(diagonal(), u, skip, lengths);
}

Tensor S4Kernel::diagonal_forward(const Tensor& u, const Tensor& lengths, Tensor* state,
                                  const ops::ConvolutionParts& parts, const Tensor& kernel) {
  if (!state) return diagonal_ssm(diagonal(), u, lengths, state, parts, kernel);
  const auto ssm =
      derived_diagonal(for_steps_, *this, {inv_dt_, a_real_, a_imag_, b_, c_}, 2, [this] { return diagonal(); });
  return diagonal_ssm(ssm, u, lengths, state, parts, kernel);
}

Tensor S4Kernel::forward(const Tensor& u, const Tensor& lengths, Tensor* state, const ops::ConvolutionParts& parts,
                         const Tensor& kernel) {
  if (options_.is_real && state) {  // calculates with complex numbers whose imaginary parts are zero
    auto pairs = at::stack({*state, at::zeros_like(*state)}, -1);
    const auto y = diagonal_forward(u, lengths, &pairs, parts, kernel);
    *state = pairs.select(-1, 0);
    return y;
  }
  if (options_.mode == "diag") return diagonal_forward(u, lengths, state, parts, kernel);
  const auto t = u.size(1);
  if (!state) return ops::fft_convolution(u, kernel.defined() ? kernel : low_rank_kernel(t), parts);
  auto x = at::view_as_complex(state->contiguous());
  Tensor y;
  if (!at::GradMode::is_enabled()) return by_recurrence(u, lengths, *state, parts.skip);
  if (t <= kStepwise) {
    y = dplr_steps(recurrence(), u, lengths, x);
    if (parts.skip.defined()) y = y + (parts.skip * u.unsqueeze(2)).flatten(2);
  } else {
    const auto ssm = dplr();
    const auto kernels = dplr_kernels(ssm, t, x);  // [1 + b, c, h, t]
    y = ops::fft_convolution(u, kernels[0], parts) + kernels.slice(0, 1).flatten(1, 2).transpose(1, 2);
    x = dplr_state_after(ssm, u, lengths, x);
  }
  *state = at::view_as_real(x.resolve_conj());
  return y;
}

TensorMap S4Kernel::discrete_system() const {
  const auto pairs = [](const Tensor& x) { return at::view_as_real(x.resolve_conj()); };
  if (options_.mode == "diag") {
    const auto system = diagonal().system;
    return {{"dA", pairs(at::exp(system.log_a))}, {"dB", pairs(system.b)}};
  }
  const auto ssm = dplr();
  const auto system = dense_system(ssm);
  return {{"dA", pairs(system.a)}, {"dB", pairs(system.b)}, {"C_full", pairs(output_vector(ssm, system))}};
}

// --- The layer

S4Layer make_s4_layer(Module& owner, S4Options options, const std::string& activation) {
  if (activation == "glu") options.channels *= 2;
  S4Layer layer{options, activation, {}, {}};
  layer.skip = owner.register_parameter("D", at::randn({options.channels, options.d}));
  layer.kernel = owner.register_module("kernel", std::make_shared<S4Kernel>(options));
  return layer;
}

Tensor S4Layer::forward(const Tensor& any, const Tensor& lengths, const Tensor& valid, Tensor* state,
                        const Note& note) const {
  if (note) note("K", kernel->kernel(any.size(1)));
  if (note && !options.bidirectional)
    for (const auto& [name, tensor] : kernel->discrete_system()) note(name, tensor);
  if (!state)
    if (const auto y = kernel->by_poles(any, lengths, skip); y.defined()) return y;
  const auto u = valid.defined() ? ops::fill_steps(any, valid, 0) : any;
  ops::ConvolutionParts parts{.skip = skip};
  Tensor k;
  if (options.bidirectional || options.cut_kernel) k = kernel->kernel(u.size(1));
  k = ops::causal_kernels(k, options.bidirectional, parts);
  return kernel->forward(u, lengths, state, parts, k);
}

Tensor S4Layer::activated(const Tensor& y) const { return activate_or_gate(activation, y); }

Tensor S4Layer::initial_state(std::int64_t b) const {
  std::vector<std::int64_t> sizes{b, options.d, kernel->states()};
  if (!options.is_real) sizes.push_back(2);
  return at::zeros(sizes, skip.options().requires_grad(false));
}

// --- Sizes and fixtures

S4Options with_sizes(S4Options options, std::int64_t d, std::int64_t l_max) {
  constexpr std::int64_t kUnknownLength = 1024;
  options.d = d;
  if (options.l_max == 0) options.l_max = l_max > 0 ? l_max : kUnknownLength;
  return options;
}

std::int64_t stored_rows(const Json& config, const std::string& ending) {
  const auto weights = config.value("weights", Json::object());
  for (const auto& [name, sizes] : weights.items())
    if (name.ends_with(ending) && !sizes.empty()) return sizes[0];
  return 0;
}

Json s4_settings(const Json& config) {
  auto settings = config;
  // What the reference offers for experiments, and we do not.
  for (const auto* key : {"dt_fast", "swap_channels", "weight_norm", "drop_kernel", "shift"})
    if (const auto found = config.find(key); found != config.end())
      check(found->is_null() || *found == false || *found == 0, "s4: ", key, " is ", found->dump(),
            ", which is not offered; expected it off");
  const auto number = [&](const char* key) {
    const auto found = config.find(key);
    return found != config.end() && found->is_number() ? found->get<std::int64_t>() : 0;
  };
  const auto states = config.contains("N") ? number("N") : number("d_state");
  const bool real = config.value("is_real", Json()) == true;
  if (states > 0) settings["d_state"] = real ? states : states / 2 * 2;  // of an odd number one is left out there
  if (settings.contains("disc") && settings["disc"].is_null()) settings.erase("disc");  // the default
  if (settings.contains("activation") && settings["activation"].is_null()) settings["activation"] = "none";
  const auto mode = config.value("mode", "dplr");
  if (mode == "s4d") settings["mode"] = "diag";
  if (mode == "nplr" || mode == "s4") settings["mode"] = "dplr";
  const bool diagonal = settings.value("mode", "dplr") == "diag";
  // Whatever poles it started from, all weights are loaded: any names of ours do, if the sizes are right.
  settings["init"] = diagonal ? "diag-lin" : "legs";
  settings["rank"] = diagonal ? 0 : stored_rows(config, "kernel.P");
  if (const auto copies = stored_rows(config, "kernel.A_real"); copies > 0) settings["n_ssm"] = copies;
  settings["cut_kernel"] = number("l_max") > 0 && number("L") > number("l_max");
  return settings;
}

std::int64_t s4_length(const Json& config) {
  const auto& steps = config.at("L");
  const auto longest = config.value("l_max", Json());
  if (longest.is_number()) return longest;
  return steps.is_number() ? steps.get<std::int64_t>() : 0;
}

void complete_s4_weights(const Module& module, TensorMap& weights) {
  for (const auto& buffer : module.named_buffers())
    if (buffer.key().ends_with("l_kernel")) weights.emplace(buffer.key(), buffer.value());
}

}  // namespace longwave
