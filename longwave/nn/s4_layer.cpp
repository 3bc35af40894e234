#include "longwave/nn/s4_layer.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/nn/hippo.h"

namespace longwave {
namespace {

using at::Tensor;

constexpr double kSmallest = 1e-4;  // of a stored magnitude whose logarithm is the parameter
constexpr double kClip = 2;         // of the imaginary part of the HiPPO input vector

struct Start {
  Tensor a, b;    // [n / 2] complex128
  Tensor p = {};  // [r, n / 2]
};

Start dplr_start(const S4Options& o) {
  const auto parts = normal_plus_low_rank(o.init, o.d_state);
  return {parts.lambda, clip_imaginary(parts.b, kClip), parts.p};
}

Start diagonal_start(const S4Options& o) {
  if (o.init == "diag-legs") {
    const auto parts = normal_plus_low_rank("legs", o.d_state);
    return {parts.lambda, clip_imaginary(parts.b, kClip)};
  }
  return {diagonal_poles(o.init, o.d_state), at::ones({o.d_state / 2}, at::kComplexDouble)};
}

Tensor stored(const Tensor& x) { return at::view_as_real(x.resolve_conj()).to(at::kFloat).contiguous(); }

Tensor standard_complex_normal(at::IntArrayRef sizes) {
  return at::randn(sizes, at::kComplexDouble);  // variance 1/2 of each part
}

}  // namespace

// --- The kernel

S4Kernel::S4Kernel(const S4Options& options) : options_(options) {
  auto& o = options_;
  if (o.n_ssm == 0) o.n_ssm = o.d;
  check(o.d_state >= 2 && o.d_state % 2 == 0, "s4: d_state is ", o.d_state, "; expected an even number");
  check(o.d % o.n_ssm == 0, "s4: n_ssm is ", o.n_ssm, "; expected a divisor of the width ", o.d);
  check(o.mode == "diag" || o.dt_tie, "s4: dt_tie is false; expected true for mode dplr");
  check(o.dt_min > 0 && o.dt_min <= o.dt_max, "s4: dt_min is ", o.dt_min, ", dt_max is ", o.dt_max,
        "; expected 0 < dt_min <= dt_max");
  start(o);
}

void S4Kernel::start(const S4Options& o) {
  const auto half = o.d_state / 2, outputs = o.channels * (o.bidirectional ? 2 : 1);
  const bool low_rank = o.mode == "dplr";
  const auto dt =
      at::exp(at::rand({o.d, o.dt_tie ? 1 : half}, at::kDouble) * std::log(o.dt_max / o.dt_min) + std::log(o.dt_min));
  const auto from = low_rank ? dplr_start(o) : diagonal_start(o);
  const auto copies = [&](const Tensor& x) { return x.unsqueeze(-2).expand({-1, o.n_ssm, half}); };
  const auto a = copies(from.a.unsqueeze(0))[0];
  const auto inv_dt = o.dt_transform == "softplus" ? at::log(at::expm1(dt)) : at::log(dt);
  inv_dt_ = register_parameter("inv_dt", inv_dt.to(at::kFloat));
  a_real_ = register_parameter("A_real", at::log((-at::real(a)).clamp_min(kSmallest)).to(at::kFloat).contiguous());
  a_imag_ = register_parameter("A_imag", (-at::imag(a)).to(at::kFloat).contiguous());
  if (low_rank) p_ = register_parameter("P", stored(copies(from.p)));
  b_ = register_parameter("B", stored(copies(from.b.unsqueeze(0))));
  const auto c = standard_complex_normal({outputs, o.d, half});
  c_ = register_parameter("C", stored(c));
  if (!low_rank) return;
  l_kernel_ = register_buffer("l_kernel", at::full({1}, o.l_max, at::kLong));
  if (o.l_max == 0) return;
  const at::NoGradGuard no_grad;
  auto ssm = dplr();
  c_.copy_(stored(times_power(c, dense_system(ssm), o.l_max, -1)));
}

Tensor S4Kernel::step_sizes() const {
  return options_.dt_transform == "softplus" ? at::softplus(inv_dt_) : at::exp(inv_dt_);
}

Tensor S4Kernel::per_feature(const Tensor& copies) const {
  const auto repeats = options_.d / options_.n_ssm;
  if (repeats == 1) return copies;
  return at::cat(std::vector<Tensor>(static_cast<std::size_t>(repeats), copies), -2);
}

Tensor S4Kernel::poles() const { return per_feature(at::complex(-at::exp(a_real_), -a_imag_)); }

DiagonalSsm S4Kernel::diagonal() const {
  const auto dt = step_sizes(), a = poles();
  auto c = at::view_as_complex(c_);
  if (options_.bandlimit > 0) {
    const auto frequency = dt * at::imag(a).abs() / (2 * M_PI);
    c = c * (frequency < 0.5 * options_.bandlimit);
  }
  return {discretize_logarithm(options_.disc, a, per_feature(at::view_as_complex(b_))[0], dt), c};
}

Dplr S4Kernel::dplr() const {
  return {.dt = step_sizes(),
          .lambda = poles(),
          .p = per_feature(at::view_as_complex(p_)),
          .b = per_feature(at::view_as_complex(b_))[0],
          .c = at::view_as_complex(c_),
          .length = l_kernel_.item<std::int64_t>()};
}

Tensor S4Kernel::kernel(std::int64_t t) const {
  return options_.mode == "dplr" ? dplr_kernels(dplr(), t)[0] : diagonal().kernel(t);
}

DplrStep S4Kernel::recurrence() const {
  const auto compute = [&] {
    const auto ssm = dplr();
    const auto full = output_vector(ssm, dense_system(ssm));
    return dplr_step(ssm, full.slice(-1, 0, states()).to(ssm.c.scalar_type()));
  };
  if (at::GradMode::is_enabled()) return compute();
  if (!unchanged()) step_dplr_ = compute();
  return step_dplr_;
}

void S4Kernel::train(bool on) {
  Module::train(on);
  step_versions_.clear();
}

bool S4Kernel::unchanged() const {
  if (at::GradMode::is_enabled() || is_training()) return false;
  std::vector<std::uint64_t> versions;
  for (const auto& x : {inv_dt_, a_real_, a_imag_, p_, b_, c_, l_kernel_}) {
    if (!x.defined()) continue;
    versions.push_back(static_cast<std::uint64_t>(x._version()));
    versions.push_back(reinterpret_cast<std::uintptr_t>(x.data_ptr()));
    versions.push_back(static_cast<std::uint64_t>(x.scalar_type()));
  }
  if (versions == step_versions_) return true;
  step_versions_ = versions;
  return false;
}

Tensor S4Kernel::forward(const Tensor& u, const Tensor& lengths, Tensor* state, const ops::ConvolutionParts& parts,
                         const Tensor& kernel) {
  if (options_.mode == "diag") {
    if (!state || at::GradMode::is_enabled()) return diagonal_ssm(diagonal(), u, lengths, state, parts, kernel);
    if (!unchanged()) {
      step_diagonal_ = diagonal();
      if (options_.channels == 1) step_diagonal_.steps = step_diagonal_.step_coefficients();
    }
    return diagonal_ssm(step_diagonal_, u, lengths, state, parts, kernel);
  }
  const auto t = u.size(1);
  if (!state) return ops::fft_convolution(u, kernel.defined() ? kernel : dplr_kernels(dplr(), t)[0], parts);
  auto x = at::view_as_complex(state->contiguous());
  Tensor y;
  constexpr std::int64_t kStepwise = 8;
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

S4Layer make_s4_layer(Module& owner, const S4Options& options) {
  S4Layer layer{options, {}, {}};
  layer.skip = owner.register_parameter("D", at::randn({options.channels, options.d}));
  layer.kernel = owner.register_module("kernel", std::make_shared<S4Kernel>(options));
  return layer;
}

Tensor S4Layer::forward(const Tensor& u, const Tensor& lengths, Tensor* state, const Note& note) const {
  ops::ConvolutionParts parts{.skip = skip};
  Tensor k;
  if (options.bidirectional || note) k = kernel->kernel(u.size(1));
  if (note) note("K", k);
  if (note && !options.bidirectional)
    for (const auto& [name, tensor] : kernel->discrete_system()) note(name, tensor);
  if (options.bidirectional) {
    parts.reverse = k.slice(0, options.channels);
    k = k.slice(0, 0, options.channels);
  }
  return kernel->forward(u, lengths, state, parts, k);
}

Tensor S4Layer::initial_state(std::int64_t b) const {
  return at::zeros({b, options.d, kernel->states(), 2}, skip.options().requires_grad(false));
}

// --- Sizes and fixtures

S4Options with_sizes(S4Options options, std::int64_t d, std::int64_t l_max) {
  constexpr std::int64_t kUnknownLength = 1024;
  options.d = d;
  if (options.l_max == 0) options.l_max = l_max > 0 ? l_max : kUnknownLength;
  return options;
}

Json s4_settings(const Json& config) {
  auto settings = config;
  if (config.contains("N")) settings["d_state"] = config["N"];
  for (const auto* key : {"disc", "activation"})  // null: the default
    if (settings.contains(key) && settings[key].is_null()) settings.erase(key);
  const auto mode = config.value("mode", "dplr");
  if (mode == "s4d") settings["mode"] = "diag";
  if (mode == "nplr" || mode == "s4") settings["mode"] = "dplr";
  return settings;
}

void complete_s4_weights(const Module& module, TensorMap& weights) {
  for (const auto& buffer : module.named_buffers())
    if (buffer.key().ends_with("l_kernel")) weights.emplace(buffer.key(), buffer.value());
}

}  // namespace longwave
