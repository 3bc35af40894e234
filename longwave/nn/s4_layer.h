#pragma once

#include <functional>

#include "longwave/nn/derived_cache.h"
#include "longwave/nn/diagonal_ssm.h"
#include "longwave/nn/dplr.h"
#include "longwave/nn/module.h"
#include "longwave/nn/s4_options.h"
#include "longwave/nn/state_parameters.h"

namespace longwave {

/// Parameters of the state-space model under the reference's names; see docs/mixers/s4.md.
class S4Kernel final : public Module, public HasStateParameters {
 public:
  explicit S4Kernel(const S4Options& options);

  std::vector<std::string> state_parameters() const override {
    std::vector<std::string> names = {"inv_dt", "A_real", "B"};
    if (a_imag_.defined()) names.emplace_back("A_imag");
    if (p_.defined()) names.emplace_back("P");
    return names;
  }

  /// Convolution kernels [c, h, t] of c outputs: `channels`, forward ones first if bidirectional. Of `steps` taps, or
  /// as many as cut_kernel leaves.
  at::Tensor kernel(std::int64_t steps) const;

  /// y [b, t, h] by the recurrence of a few poles, in both directions where there are two; undefined where a
  /// convolution takes less time. skip [1, h]. Rows end at their lengths, which may be undefined; zeros behind.
  at::Tensor by_poles(const at::Tensor& u, const at::Tensor& lengths, const at::Tensor& skip) const;

  /// y [b, t, c h] and state [b, h, n / 2, 2] as of diagonal_ssm. Not for bidirectional ones.
  at::Tensor forward(const at::Tensor& u, const at::Tensor& lengths, at::Tensor* state,
                     const ops::ConvolutionParts& parts, const at::Tensor& kernel);

  /// The discrete system for comparison, by the names of the fixtures: dA, dB, C_full.
  TensorMap discrete_system() const;

  /// Multiplies all step sizes by `factor`, as SequenceMixer::scale_step does. States that `bandlimit` leaves out stay
  /// out, and no others.
  void scale_step(double factor);

  /// Of a feature: conjugate pairs, or real ones.
  std::int64_t states() const;

 private:
  at::Tensor trained_step_sizes() const;                   // [h, 1] or [h, n / 2]
  at::Tensor step_sizes() const;                           // the same, scaled
  at::Tensor number(const at::Tensor& stored) const;       // complex, of parts or real
  at::Tensor per_feature(const at::Tensor& copies) const;  // [.., n_ssm, n / 2] -> [.., h, n / 2]
  at::Tensor poles() const;                                // [h, n / 2] complex
  DiagonalSsm diagonal() const;
  Dplr dplr() const;
  at::Tensor low_rank_kernel(std::int64_t t) const;
  DplrStep recurrence() const;
  at::Tensor by_recurrence(const at::Tensor& u, const at::Tensor& lengths, at::Tensor& state, const at::Tensor& skip);
  at::Tensor diagonal_forward(const at::Tensor& u, const at::Tensor& lengths, at::Tensor* state,
                              const ops::ConvolutionParts& parts, const at::Tensor& kernel);
  void start(const S4Options& options);

  S4Options options_;
  double step_scale_ = 1;  // not all transforms reach every step size, so that the parameter cannot take it
  at::Tensor inv_dt_, a_real_, a_imag_, p_, b_, c_, l_kernel_;
  mutable DerivedCache for_steps_, for_sequences_;
};

/// The layer of the S4 family: convolution with the kernels of a state-space model, a skip, and an activation.
class S4Layer {
 public:
  using Note = std::function<void(const std::string&, const at::Tensor&)>;

  /// y [b, t, channels h] for u [b, t, h], whose rows end at their lengths: `valid` [b, t, 1] is true at real steps,
  /// and what u has beyond is not used; both may be undefined. y there is finite. `note` is told the kernel ("K") and
  /// the discrete system.
  at::Tensor forward(const at::Tensor& u, const at::Tensor& lengths, const at::Tensor& valid, at::Tensor* state,
                     const Note& note = {}) const;
  /// The activation of y, [b, t, channels h], for glu half of them.
  at::Tensor activated(const at::Tensor& y) const;

  at::Tensor initial_state(std::int64_t b) const;  // [b, h, n / 2, 2], or [b, h, n] if states are real

  S4Options options;  // channels are those before the activation
  std::string activation;
  at::Tensor skip;  // [channels, h]
  std::shared_ptr<S4Kernel> kernel;
};

/// A layer with fresh weights, which become parameters of `owner`: D, kernel.*. Its activation is one of
/// gated_activation_names(); glu takes twice the channels that `options` say, and gates one half by the other.
S4Layer make_s4_layer(Module& owner, S4Options options, const std::string& activation);

/// The options of a model of width d for sequences of up to l_max steps (0: unknown), where they do not say it.
S4Options with_sizes(S4Options options, std::int64_t d, std::int64_t l_max);

/// Rows (first axis) of a weight that a fixture stores under a name of this ending; 0 if there is none.
std::int64_t stored_rows(const Json& config, const std::string& ending);

/// Settings that a fixture's configuration means: its names for the state size, and what it leaves out. Initial poles
/// are ours whatever they were there, since all weights are loaded; their rank and number of copies are those of the
/// weights. Sequences beyond l_max have cut kernels.
Json s4_settings(const Json& config);

/// Longest sequence of a fixture: its l_max, or where that is null or missing its L; 0 if neither is a number.
std::int64_t s4_length(const Json& config);

/// Adds the l_kernel buffers that `module` has and fixtures do not store.
void complete_s4_weights(const Module& module, TensorMap& weights);

}  // namespace longwave
