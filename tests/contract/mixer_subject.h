#pragma once

// A registered mixer as the contract suite has it, and how it measures one.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "longwave/mixers/mixer.h"
#include "longwave/models/classifier.h"

namespace longwave::testing {

/// Beside some steps, at which kernels have a rest only: two chunks of every kernel and a rest, and more than the
/// l_max of these mixers.
inline constexpr int kLong = 131;

/// How far a later step may move an earlier output, relative to the largest output: nowhere, but that a Fourier
/// transform mixes the rounding of all steps. The most that was seen with t <= kLong is 4.0e-7.
inline double rounding_of_the_past(const MixerProperties& properties) {
  return properties.cost == Cost::linearithmic ? 1e-6 : 0;
}

struct Subject {
  std::string mixer, variant;
  Json settings;
  std::int64_t d;

  std::shared_ptr<SequenceMixer> make(at::ScalarType type, std::uint64_t seed = 7, std::int64_t l_max = 64) const {
    const auto& info = find_mixer(mixer);
    auto built = info.make({d, l_max}, info.resolve(settings_from_json(settings, "variant"), "mixer", false), seed);
    built->to(type);
    built->eval();
    return built;
  }
  MixerProperties properties() const { return make(at::kFloat)->properties(); }
};

inline std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const auto& [name, info] : mixers()) {
    all.push_back({name, "defaults", Json::object(), 16});
    for (const auto& variant : info.variants) all.push_back({name, variant.name, variant.settings, variant.d});
  }
  return all;
}

/// Why a mixer has this weight although its outputs do not depend on it; "" if nothing is declared.
inline std::string why_unread(const Subject& subject, const std::string& weight) {
  if (subject.mixer != "fem") return "";
  if (weight == "_beta_param" && subject.settings.value("use_temperature", true) == false)
    return "use_temperature is false; the reference stores it all the same";
  if (weight.starts_with("W_lambda.") && subject.settings.value("prior_type", "") == "ema" &&
      subject.settings.value("compat", false))
    return "the reference's ema reads the mean alone, and stores it all the same";
  return "";
}

inline void PrintTo(const Subject& subject, std::ostream* out) {
  *out << subject.mixer << " " << subject.settings.dump();
}

inline at::Tensor input(std::int64_t b, std::int64_t t, std::int64_t d, at::ScalarType type, std::uint64_t seed = 1) {
  at::manual_seed(seed);
  return at::randn({b, t, d}, at::kDouble).to(type);
}

inline double largest(const at::Tensor& x) { return x.numel() ? x.abs().max().item<double>() : 0; }

inline void expect_close(const at::Tensor& got, const at::Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  const auto error = largest(got.to(at::kDouble) - expected.to(at::kDouble));
  EXPECT_LE(error, tolerance * std::max(1.0, largest(expected))) << what;
}

inline void expect_states_close(const State& got, const State& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(got.count(name)) << name;
    expect_close(at::nan_to_num(got.at(name)), at::nan_to_num(tensor), tolerance, "state " + name);
  }
}

/// A state that is not the first one: what a few steps leave behind.
inline State warm_state(SequenceMixer& mixer, std::int64_t b, std::int64_t d, at::ScalarType type) {
  const at::NoGradGuard no_grad;
  auto state = mixer.initial_state(b);
  mixer.forward(input(b, 5, d, type, 99), {}, &state);
  return state;
}

/// Of every registered mixer and variant that streams, for two rows.
inline const std::vector<State>& first_states_of_all() {
  static std::vector<State> all;
  if (all.empty())
    for (const auto& subject : subjects())
      if (subject.properties().streams) all.push_back(subject.make(at::kFloat)->initial_state(2));
  return all;
}

/// Counts and the like keep theirs.
inline State in_type(State state, at::ScalarType type) {
  for (auto& [name, tensor] : state)
    if (tensor.is_floating_point()) tensor = tensor.to(type);
  return state;
}

/// sum(x * w) for a fixed w.
inline at::Tensor weighted_sum(const at::Tensor& x) {
  at::manual_seed(5);
  return (x * at::randn(x.sizes(), at::kDouble).to(x.scalar_type())).sum();
}

/// Gradients of sum(y * w) for a fixed w with respect to x and all weights, by name. With `start` also of such sums of
/// the state behind the last step, and with respect to `start`, whose names then begin with "state ".
inline TensorMap gradients(SequenceMixer& mixer, const at::Tensor& x, const Lengths& lengths = {},
                           const State* start = nullptr) {
  mixer.zero_grad();
  TensorMap leaves = {{"x", x.detach().clone().requires_grad_()}};
  State state;
  if (start)
    for (const auto& [name, tensor] : *start) {
      state[name] = tensor.detach().clone();
      if (tensor.is_floating_point()) leaves["state " + name] = state[name].requires_grad_();
    }
  auto loss = weighted_sum(mixer.forward(leaves["x"], lengths, start ? &state : nullptr));
  for (const auto& [name, tensor] : state)
    if (tensor.is_floating_point()) loss = loss + weighted_sum(tensor);
  loss.backward();
  TensorMap all;
  for (const auto& [name, leaf] : leaves) all[name] = leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf);
  for (const auto& item : mixer.named_parameters())
    if (item.value().grad().defined()) all[item.key()] = item.value().grad().clone();
  return all;
}

/// Gradients of the squared norm of all gradients() with respect to x and all weights; zeros where there is none.
inline TensorMap second_derivatives(SequenceMixer& mixer, const at::Tensor& x, const Lengths& lengths) {
  std::vector<std::string> names = {"x"};
  std::vector<at::Tensor> leaves = {x.detach().clone().requires_grad_()};
  for (const auto& item : mixer.named_parameters()) names.push_back(item.key()), leaves.push_back(item.value());
  const auto take = [&](const at::Tensor& of, bool keep) {
    return torch::autograd::grad({of}, leaves, {}, keep, keep, true);
  };
  auto norm = at::zeros({}, x.options());
  for (const auto& gradient : take(weighted_sum(mixer.forward(leaves[0], lengths)), true))
    if (gradient.defined()) norm = norm + gradient.square().sum();
  std::vector<at::Tensor> second(leaves.size());
  if (norm.requires_grad()) second = take(norm, false);
  TensorMap all;
  for (std::size_t i = 0; i < leaves.size(); ++i)
    all[names[i]] = second[i].defined() ? second[i] : at::zeros_like(leaves[i]);
  return all;
}

/// Random rows with these lengths, and what is no number where they are padded.
struct PaddedRows {
  at::Tensor clean, x, lengths, valid;
  std::vector<std::int64_t> sizes;

  PaddedRows(std::vector<std::int64_t> lengths_of, std::int64_t d, at::ScalarType type) : sizes(std::move(lengths_of)) {
    lengths = at::tensor(sizes, at::kLong);
    clean = input(static_cast<std::int64_t>(sizes.size()), *std::max_element(sizes.begin(), sizes.end()), d, type);
    valid = valid_steps(lengths, clean);
    x = at::where(valid, clean, at::full({}, std::nan(""), clean.options()));
  }
  /// Calls row(i, n, x [1, n, d]) for every row of length n > 0.
  void each(const std::function<void(std::int64_t, std::int64_t, const at::Tensor&)>& row) const {
    for (std::int64_t i = 0; i < clean.size(0); ++i)
      if (const auto n = sizes[static_cast<std::size_t>(i)]; n > 0)
        row(i, n, clean.narrow(0, i, 1).narrow(1, 0, n).clone());
  }
};

/// How far a row among others may be from the same row alone: outputs and gradients, relative to the largest.
struct RowTolerance {
  double outputs, gradients;
};
inline RowTolerance tolerance_of_rows(at::ScalarType type) {
  return type == at::kDouble ? RowTolerance{1e-9, 1e-8} : RowTolerance{2e-5, 1e-4};
}

inline void expect_padding_influences_nothing(SequenceMixer& mixer, std::int64_t d, at::ScalarType type,
                                              const std::vector<std::int64_t>& sizes) {
  const PaddedRows rows(sizes, d, type);
  const auto tolerance = tolerance_of_rows(type);
  const auto y = mixer.forward(rows.x, rows.lengths);
  const auto together = gradients(mixer, rows.x, rows.lengths);
  const auto padded_steps = rows.valid.logical_not();
  EXPECT_EQ(largest(y.masked_select(padded_steps)), 0) << "outputs at padded steps";
  EXPECT_EQ(largest(together.at("x").masked_select(padded_steps)), 0) << "gradients at padded steps";

  at::manual_seed(5);
  const auto weights = at::randn(y.sizes(), at::kDouble).to(type);
  mixer.zero_grad();
  const auto streams = mixer.properties().streams;
  State padded;
  if (streams) {
    const at::NoGradGuard no_grad;
    padded = mixer.initial_state(y.size(0));
    expect_close(mixer.forward(rows.x, rows.lengths, &padded), y, tolerance.outputs, "with a state");
  }
  rows.each([&](std::int64_t row, std::int64_t n, at::Tensor alone) {
    alone.requires_grad_();
    const auto y_alone = mixer.forward(alone);
    expect_close(y.narrow(0, row, 1).narrow(1, 0, n), y_alone, tolerance.outputs, "row " + std::to_string(row));
    (y_alone * weights.narrow(0, row, 1).narrow(1, 0, n)).sum().backward();
    expect_close(together.at("x").narrow(0, row, 1).narrow(1, 0, n), alone.grad(), tolerance.gradients,
                 "gradient of x");
    if (!streams) return;
    const at::NoGradGuard no_grad;
    auto state = mixer.initial_state(1);
    mixer.forward(alone.detach(), {}, &state);
    for (const auto& [name, tensor] : state)
      if (tensor.sizes().slice(1) == padded.at(name).sizes().slice(1))  // a history grows with the longest row
        expect_close(padded.at(name).narrow(0, row, 1), tensor, tolerance.outputs,
                     "state " + name + ", row " + std::to_string(row));
  });
  for (const auto& item : mixer.named_parameters())
    if (item.value().grad().defined())
      expect_close(together.at(item.key()), item.value().grad(), tolerance.gradients, "gradient of " + item.key());
}

/// The logits of rows whose vectors are pooled over their true lengths, in three ways [3, b, classes], and all
/// gradients.
inline void expect_pooled_rows_are_those_alone(Classifier& model, at::ScalarType type,
                                               const std::vector<std::int64_t>& sizes) {
  const PaddedRows rows(sizes, model.config().inputs, type);
  const auto tolerance = tolerance_of_rows(type);
  const auto logits_of = [&](const at::Tensor& x, const Lengths& lengths) {
    const auto y = model.features(x, lengths);
    std::vector<at::Tensor> all;
    for (const auto* pool : {"mean", "max", "last"}) all.push_back(model.classify(pool_sequence(pool, y, lengths)));
    return at::stack(all);
  };
  const auto take_gradients = [&] {
    TensorMap all;
    for (const auto& item : model.named_parameters())
      if (item.value().grad().defined()) all[item.key()] = item.value().grad().clone();
    model.zero_grad();
    return all;
  };
  model.zero_grad();
  const auto x = rows.x.clone().requires_grad_();
  const auto logits = logits_of(x, rows.lengths);
  at::manual_seed(5);
  const auto weights = at::randn(logits.sizes(), at::kDouble).to(type);
  (logits * weights).sum().backward();
  const auto together = take_gradients();
  rows.each([&](std::int64_t row, std::int64_t n, at::Tensor alone) {
    alone.requires_grad_();
    const auto expected = logits_of(alone, {});
    expect_close(logits.narrow(1, row, 1), expected, tolerance.outputs, "row " + std::to_string(row));
    (expected * weights.narrow(1, row, 1)).sum().backward();
    expect_close(x.grad().narrow(0, row, 1).narrow(1, 0, n), alone.grad(), tolerance.gradients, "gradient of x");
  });
  EXPECT_EQ(largest(x.grad().masked_select(rows.valid.logical_not())), 0) << "gradients at padded steps";
  for (const auto& [name, gradient] : take_gradients())
    expect_close(together.at(name), gradient, tolerance.gradients, "gradient of " + name);
}

}  // namespace longwave::testing
