// What every registered mixer promises, at several odd sizes. A new mixer adds no line here: it is tested because it is
// registered, with its defaults and with every variant that it names.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

#include "longwave/mixers/mixer.h"
#include "longwave/models/flops.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/tensor_memory.h"
#include "tests/contract/mixer_subject.h"
#include "tests/support/filled_memory.h"
#include "tests/support/op_testing.h"
#include "tests/support/work_counter.h"

namespace longwave {
namespace {

using namespace testing;  // the subject and what is measured of it

// Every tensor of these tests begins as NaN.
const bool memory_is_filled = fill_fresh_memory();

TEST(FreshMemory, IsFilled) {
  ASSERT_TRUE(memory_is_filled);
  for (const std::int64_t size : {1, 5, 1 << 20}) {
    EXPECT_TRUE(at::isnan(at::empty({size})).all().item<bool>()) << size;
    EXPECT_TRUE((at::empty({size}, at::kLong) == -1).all().item<bool>()) << size;
  }
}

class MixerContract : public ::testing::TestWithParam<Subject> {
 protected:
  const Subject& subject = GetParam();
};

// --- shapes and memory

TEST_P(MixerContract, KeepsTheShapeAtOddSizes) {
  const auto mixer = subject.make(at::kFloat);
  for (const auto& [b, t] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 2}, {2, 17}, {1, 64}, {1, kLong}}) {
    const auto x = input(b, t, subject.d, at::kFloat);
    const auto y = mixer->forward(x);
    EXPECT_EQ(y.sizes(), x.sizes());
    EXPECT_TRUE(at::isfinite(y).all().item<bool>());
  }
}

TEST_P(MixerContract, StaysFiniteOnLargeNumbers) {
  const auto mixer = subject.make(at::kFloat);
  for (const auto& [name, gradient] : gradients(*mixer, input(2, 9, subject.d, at::kFloat) * 100))
    EXPECT_TRUE(at::isfinite(gradient).all().item<bool>()) << name;
}

TEST_P(MixerContract, ReadsNoUninitialisedMemory) {
  const auto mixer = subject.make(at::kFloat);
  for (const std::int64_t t : {3, 19, kLong}) {
    const auto x = input(2, t, subject.d, at::kFloat);
    const auto before = gradients(*mixer, x);
    const auto y = mixer->forward(x);
    EXPECT_TRUE(at::isfinite(y).all().item<bool>());
    for (const int byte : {0x00, 0xC1}) {  // 0 and -24.2: a NaN may be lost in a maximum
      fresh_byte = byte;
      const auto again = mixer->forward(x);
      const auto after = gradients(*mixer, x);
      fresh_byte = 0xFF;
      EXPECT_TRUE(at::equal(again, y)) << t;
      for (const auto& [name, gradient] : before) EXPECT_TRUE(at::equal(after.at(name), gradient)) << name << " " << t;
    }
  }
}

double allocated(SequenceMixer& mixer, std::int64_t t, std::int64_t d) {
  const auto x = input(1, t, d, at::kFloat);
  gradients(mixer, x);  // what is allocated once
  return count_tensor_memory([&] { gradients(mixer, x); }).asked;
}

TEST_P(MixerContract, MemoryDoesNotGrowQuadratically) {
  const auto properties = subject.properties();
  if (properties.cost == Cost::quadratic) GTEST_SKIP() << "declared quadratic";
  const auto mixer = subject.make(at::kFloat, 7, 2048);
  const auto small = allocated(*mixer, 512, subject.d), large = allocated(*mixer, 2048, subject.d);
  EXPECT_LT(large, 5 * small) << small << " bytes at t = 512";
}

// --- work

/// Operations and numbers touched by a forward pass over t steps.
struct Work {
  double flops, numbers;
};
Work work_of(const Subject& subject, std::int64_t t) {
  const at::NoGradGuard no_grad;
  const auto mixer = subject.make(at::kFloat, 7, t);
  const auto x = input(1, t, subject.d, at::kFloat);
  mixer->forward(x);  // what is computed once
  const auto count = count_flops([&] { mixer->forward(x); });
  EXPECT_TRUE(count.unknown.empty()) << "no formula for the cost of " << *count.unknown.begin();
  return {count.flops, testing::numbers_touched([&] { mixer->forward(x); })};
}

TEST_P(MixerContract, WorkGrowsAsItClaims) {
  const auto cost = subject.properties().cost;
  const auto once = work_of(subject, 2048);
  EXPECT_GT(once.flops, 0);
  if (cost == Cost::quadratic) GTEST_SKIP() << "declared quadratic";
  const auto twice = work_of(subject, 4096);
  const double steps = cost == Cost::linearithmic ? 2 * 12.0 / 11.0 : 2;  // 4096 is 2^12
  EXPECT_LT(twice.flops, 1.02 * steps * once.flops) << "operations";
  // Libraries copy more from some size on, by a constant factor; t log t steps would be 1.09 times two.
  EXPECT_LT(twice.numbers, 1.08 * steps * once.numbers) << "numbers touched";
}

// --- weights

TEST_P(MixerContract, StateParametersAreItsOwn) {
  const auto mixer = subject.make(at::kFloat);
  const auto check_module = [](const torch::nn::Module& module, const std::string& where) {
    const auto* declares = dynamic_cast<const HasStateParameters*>(&module);
    if (!declares) return;
    const auto own = module.named_parameters();
    for (const auto& name : declares->state_parameters()) EXPECT_TRUE(own.contains(name)) << where << " " << name;
  };
  check_module(*mixer, "");
  for (const auto& part : mixer->named_modules("", false)) check_module(*part.value(), part.key());
}

// --- time

TEST_P(MixerContract, IsCausal) {
  const auto properties = subject.properties();
  if (!properties.causal) GTEST_SKIP() << properties.reason;
  const auto mixer = subject.make(at::kFloat);
  const auto tolerance = rounding_of_the_past(properties);
  for (const std::int64_t t : {5, 37, kLong}) {
    const auto x = input(2, t, subject.d, at::kFloat);
    const auto y = mixer->forward(x);
    for (const std::int64_t first : {std::int64_t{1}, t / 2 - 2, t - 1}) {
      auto changed = x.clone();
      changed.narrow(1, first, t - first).mul_(-3).add_(1);
      const auto other = mixer->forward(changed);
      const auto past = other.narrow(1, 0, first), expected = y.narrow(1, 0, first);
      if (tolerance > 0)
        EXPECT_LE(largest(past - expected), tolerance * std::max(largest(y), largest(other))) << first << " of " << t;
      else
        EXPECT_TRUE(at::equal(past, expected)) << "before step " << first << " of " << t;
    }
  }
}

TEST_P(MixerContract, AnySplitWithCarriedStateIsTheWhole) {
  const auto properties = subject.properties();
  if (!properties.streams) GTEST_SKIP() << properties.reason;
  using Split = std::vector<std::int64_t>;
  const std::map<std::int64_t, std::vector<Split>> splits_of = {
      {5, {Split(5, 1), {2, 3}, {4, 1}, {1, 1, 3}}},
      {41, {Split(41, 1), {20, 21}, {1, 15, 1, 17, 7}, {33, 1, 1, 6}}},
      {kLong, {{kLong - 1, 1}, {1, 63, 66, 1}, {17, 47, 1, 66}}}};
  for (const auto type : {at::kDouble, at::kFloat}) {
    const double tolerance = type == at::kDouble ? 1e-9 : 5e-5;
    const auto mixer = subject.make(type);
    for (const auto& [t, splits] : splits_of) {
      if (t == kLong && type == at::kDouble) continue;  // the definition goes step by step
      const auto x = input(2, t, subject.d, type);
      const auto whole = mixer->forward(x);
      auto end = mixer->initial_state(2);
      expect_close(mixer->forward(x, {}, &end), whole, tolerance, "in one piece with a state");
      for (const auto& split : splits) {
        const at::AutoGradMode records(split.size() == 2);  // which some take another way
        auto state = mixer->initial_state(2);
        std::vector<at::Tensor> pieces;
        std::int64_t at = 0;
        for (const auto steps : split)
          pieces.push_back(mixer->forward(x.narrow(1, at, steps), {}, &state)), at += steps;
        expect_close(at::cat(pieces, 1), whole, tolerance,
                     std::to_string(t) + " steps in " + std::to_string(split.size()) + " pieces");
        expect_states_close(state, end, tolerance);
      }
    }
  }
}

TEST_P(MixerContract, AStateIsNobodyElsesMemory) {
  const auto properties = subject.properties();
  if (!properties.streams) GTEST_SKIP() << properties.reason;
  const auto mixer = subject.make(at::kFloat);
  const at::NoGradGuard no_grad;
  for (const std::int64_t steps : {1, 3, 4, 9, kLong}) {
    auto x = input(1, steps, subject.d, at::kFloat);
    auto state = mixer->initial_state(1);
    auto y = mixer->forward(x, {}, &state);
    State before;
    for (const auto& [name, tensor] : state) before[name] = tensor.clone();
    x.fill_(7), y.fill_(7);  // a caller with one buffer for all pieces
    for (const auto& [name, tensor] : state)
      EXPECT_TRUE(at::equal(tensor, before[name])) << name << " after " << steps << " steps";
  }
}

TEST_P(MixerContract, AStepScaledTwiceIsWhatItWas) {
  const auto mixer = subject.make(at::kDouble);
  const at::NoGradGuard no_grad;
  const auto x = input(2, 21, subject.d, at::kDouble);
  const auto y = mixer->forward(x);
  if (!mixer->scale_step(2)) GTEST_SKIP() << "no step size, or the input decides it";
  EXPECT_GT(largest(mixer->forward(x) - y), 1e-6);
  mixer->scale_step(0.5);
  expect_close(mixer->forward(x), y, 1e-9, "scaled by 2 and by 1/2");
}

TEST_P(MixerContract, RefusesAStateItCannotUse) {
  const auto properties = subject.properties();
  const auto mixer = subject.make(at::kFloat);
  const auto x = input(2, 3, subject.d, at::kFloat);
  State state;
  if (!properties.streams) {
    EXPECT_FALSE(properties.reason.empty());
    testing::expect_error([&] { mixer->initial_state(2); },
                          subject.mixer + ": this mixer does not stream: " + properties.reason);
    EXPECT_THROW(mixer->forward(x, {}, &state), UserError);
    return;
  }
  state = mixer->initial_state(2);
  if (state.empty()) return;
  auto of_others = mixer->initial_state(3);
  EXPECT_THROW(mixer->forward(x, {}, &of_others), UserError);
  auto foreign = state;
  foreign["of another model"] = at::zeros({2});
  EXPECT_THROW(mixer->forward(x, {}, &foreign), UserError);
  State nothing;
  EXPECT_THROW(mixer->forward(x, {}, &nothing), UserError);
  for (const auto& [name, tensor] : state) {
    auto other = state;
    other[name] = tensor.to(tensor.is_floating_point() ? at::kDouble : at::kInt);
    EXPECT_THROW(mixer->forward(x, {}, &other), UserError) << name << " of another type";
    if (tensor.dim() < 2) continue;
    other[name] = at::cat({tensor, tensor}, -1);
    EXPECT_THROW(mixer->forward(x, {}, &other), UserError) << name << " of another width";
  }
}

TEST_P(MixerContract, RefusesTheStatesOfAllOtherMixers) {
  const auto mixer = subject.make(at::kFloat);
  if (!subject.properties().streams) GTEST_SKIP() << subject.properties().reason;
  const auto x = input(2, 3, subject.d, at::kFloat);
  const at::NoGradGuard no_grad;
  auto own = mixer->initial_state(2);
  mixer->forward(x, {}, &own);
  EXPECT_EQ(own.maker, mixer->identity) << "a step forgets whose state it is";
  for (auto state : first_states_of_all()) {
    const auto& maker = *state.maker;
    if (maker.name == subject.mixer && maker.config == mixer->identity->config) continue;
    const auto whose = maker.name == subject.mixer ? "a mixer with " : maker.name;
    try {
      mixer->forward(x, {}, &state);
      ADD_FAILURE() << "accepted one of " << maker.name << " " << maker.config.dump();
    } catch (const UserError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with(subject.mixer + ": the state is one of " + whose))
          << error.what();
    }
  }
}

TEST_P(MixerContract, TakesItsStateInEveryTypeOfItsWeights) {
  if (!subject.properties().streams) GTEST_SKIP() << subject.properties().reason;
  const auto mixer = subject.make(at::kFloat);
  for (const auto type : {at::kFloat, at::kDouble, at::kFloat}) {
    mixer->to(type);
    const auto state = warm_state(*mixer, 2, subject.d, type);
    for (const auto& [name, first] : mixer->initial_state(2)) {
      const auto& tensor = state.at(name);
      EXPECT_EQ(tensor.scalar_type(), first.scalar_type()) << name;
      ASSERT_EQ(tensor.dim(), first.dim()) << name;
      for (std::int64_t axis = 0; axis < first.dim(); ++axis)  // what begins empty grows
        EXPECT_TRUE(first.size(axis) == 0 || tensor.size(axis) == first.size(axis)) << name << " " << axis;
    }
  }
}

// --- gradients

TEST_P(MixerContract, GradientsMatchDifferences) {
  const auto mixer = subject.make(at::kDouble);
  std::map<std::string, std::string> unread;
  for (const std::int64_t t : {3, 23}) {
    const auto x = input(2, t, subject.d, at::kDouble);
    const auto analytic = gradients(*mixer, x);
    at::manual_seed(5);
    const auto weights = at::randn(x.sizes(), at::kDouble);
    const at::NoGradGuard no_grad;
    const auto loss = [&](const at::Tensor& at_x) { return (mixer->forward(at_x) * weights).sum().item<double>(); };
    /// `loss_at(eps)` is the loss eps along `direction` from here.
    const auto expect_slope = [&](const std::string& name, const at::Tensor& direction,
                                  const std::function<double(double)>& loss_at) {
      const auto& gradient = analytic.at(name);
      const double slope = (gradient * direction).sum().item<double>();
      // Norms of small outputs bend within the larger step, and some activations have a kink there; the smaller one
      // shows more rounding. No wrong gradient agrees with either.
      const auto tolerance = 2e-6 * std::max(1.0, largest(gradient));
      double error = std::numeric_limits<double>::infinity();
      for (const double eps : {3e-6, 1e-7})
        if (error > tolerance) error = std::abs(slope - (loss_at(eps) - loss_at(-eps)) / (2 * eps));
      EXPECT_LE(error, tolerance) << name << ", " << t << " steps, slope " << slope;
    };
    at::manual_seed(3);
    const auto along = at::randn(x.sizes(), at::kDouble);
    expect_slope("x", along, [&](double eps) { return loss(x + eps * along); });
    for (const auto& item : mixer->named_parameters()) {
      auto value = item.value();
      const auto kept = value.clone(), direction = at::randn(value.sizes(), value.options());
      const auto loss_at = [&](double eps) {
        value.copy_(kept + eps * direction);
        const double there = loss(x);
        value.copy_(kept);
        return there;
      };
      if (analytic.count(item.key())) {
        expect_slope(item.key(), direction, loss_at);
      } else {
        EXPECT_EQ(loss_at(0.1), loss_at(-0.1)) << item.key() << " gets no gradient and changes the output";
        unread[item.key()] = why_unread(subject, item.key());
      }
    }
  }
  for (const auto& [name, reason] : unread) {
    EXPECT_FALSE(reason.empty()) << name << " gets no gradient, and no reason is declared (see why_unread)";
    std::printf("%s, %s: %s gets no gradient: %s\n", subject.mixer.c_str(), subject.variant.c_str(), name.c_str(),
                reason.c_str());
  }
}

TEST_P(MixerContract, GradientsOfTheInitialStateMatchDifferences) {
  if (!subject.properties().streams) GTEST_SKIP() << subject.properties().reason;
  const auto mixer = subject.make(at::kDouble);
  const auto start = warm_state(*mixer, 2, subject.d, at::kDouble);
  for (const std::int64_t t : {2, 23}) {
    const auto x = input(2, t, subject.d, at::kDouble);
    const auto weights = input(2, t, subject.d, at::kDouble, 5);
    const auto loss = [&](State state) { return (mixer->forward(x, {}, &state) * weights).sum(); };
    State leaves = start;
    for (auto& [name, tensor] : leaves)
      if (tensor.is_floating_point()) tensor = tensor.detach().clone().requires_grad_();
    loss(leaves).backward();
    const at::NoGradGuard no_grad;
    constexpr double kEps = 1e-5;
    for (const auto& [name, leaf] : leaves) {
      if (!leaf.is_floating_point()) continue;
      at::manual_seed(3);
      const auto direction = at::randn(leaf.sizes(), at::kDouble);
      auto up = start, down = start;
      up[name] = up[name] + kEps * direction;
      down[name] = down[name] - kEps * direction;
      const double numeric = (loss(up) - loss(down)).item<double>() / (2 * kEps);
      const auto gradient = leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf);
      EXPECT_NEAR((gradient * direction).sum().item<double>(), numeric, 2e-6 * std::max(1.0, largest(gradient)))
          << name << ", " << t << " steps";
    }
  }
}

TEST_P(MixerContract, SecondDerivativesOfDoubleMatchDifferencesOrAreRefused) {
  const auto mixer = subject.make(at::kDouble);
  const auto x = input(2, 5, subject.d, at::kDouble);
  TensorMap second;
  try {
    second = second_derivatives(*mixer, x, {});
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return;
  }
  at::manual_seed(3);
  std::vector<std::pair<at::Tensor, at::Tensor>> moved;  // a weight and where it goes
  double slope = 0;
  const auto along = [&](const std::string& name, const at::Tensor& of) {
    const auto direction = at::randn(of.sizes(), at::kDouble);
    slope += (second.at(name) * direction).sum().item<double>();
    return direction;
  };
  const auto along_x = along("x", x);
  for (const auto& item : mixer->named_parameters()) moved.emplace_back(item.value(), along(item.key(), item.value()));
  const auto norm_at = [&](double eps) {
    const auto move = [&](double by) {
      const at::NoGradGuard no_grad;
      for (auto& [value, direction] : moved) value.add_(direction, by);
    };
    move(eps);
    double norm = 0;
    for (const auto& [name, gradient] : gradients(*mixer, x + eps * along_x))
      norm += gradient.square().sum().item<double>();
    move(-eps);
    return norm;
  };
  constexpr double kEps = 1e-6;
  const double numeric = (norm_at(kEps) - norm_at(-kEps)) / (2 * kEps);
  EXPECT_NEAR(slope, numeric, 1e-5 * std::max(norm_at(0), std::abs(numeric)));
}

/// Of float: what double gives, or one line that says what is missing.
TEST_P(MixerContract, SecondDerivativesAreThoseOfDoubleOrRefused) {
  const auto exact = subject.make(at::kDouble), fast = subject.make(at::kFloat);
  for (const auto& sizes : {std::vector<std::int64_t>{5, 3}, {70, 64}})
    for (const bool padded : {false, true}) {
      const PaddedRows rows(sizes, subject.d, at::kDouble);
      const auto& x = padded ? rows.x : rows.clean;
      const auto lengths = padded ? rows.lengths : Lengths();
      TensorMap found;
      try {
        found = second_derivatives(*fast, x.to(at::kFloat), lengths);
      } catch (const UserError& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        continue;
      }
      for (const auto& [name, expected] : second_derivatives(*exact, x, lengths))
        expect_close(found.at(name), expected, 1e-3, "second derivative with respect to " + name);
    }
}

/// Rows with and without lengths, from nothing and, where the mixer streams, from a state that has seen steps.
TEST_P(MixerContract, FloatOnEveryInstructionSetMatchesTheReference) {
  const auto exact = subject.make(at::kDouble), fast = subject.make(at::kFloat);
  const auto compare = [&](const at::Tensor& x, const Lengths& lengths, const State* start, const std::string& what) {
    const auto x_float = x.to(at::kFloat);
    const auto run = [&](SequenceMixer& mixer, const at::Tensor& in, State& state) {
      return mixer.forward(in, lengths, start ? &state : nullptr);
    };
    const auto expected = gradients(*exact, x, lengths, start);
    State state_float, end;
    if (start) state_float = in_type(*start, at::kFloat), end = *start;
    const auto y = run(*exact, x, end);
    for_every_instruction_set([&](const std::string& target) {
      const auto where = target + what;
      auto end_float = state_float;
      expect_close(run(*fast, x_float, end_float), y, 2e-5, where + ": y");
      expect_states_close(end_float, end, 2e-5);
      for (const auto& [name, gradient] : gradients(*fast, x_float, lengths, start ? &state_float : nullptr))
        expect_close(gradient, expected.at(name), 2e-4, where + ": gradient of " + name);
    });
  };
  using Sizes = std::vector<std::int64_t>;
  for (const auto& sizes : {Sizes{1, 0, 1}, {9, 0, 23}, {70, 64, 33}}) {
    const PaddedRows rows(sizes, subject.d, at::kDouble);
    const auto t = std::to_string(rows.x.size(1)) + " steps";
    compare(rows.clean, {}, nullptr, ", " + t);
    compare(rows.x, rows.lengths, nullptr, ", lengths to " + t);
    if (!subject.properties().streams) continue;
    const auto start = warm_state(*exact, 3, subject.d, at::kDouble);
    compare(rows.clean, {}, &start, ", " + t + " from a state");
    compare(rows.x, rows.lengths, &start, ", lengths to " + t + " from a state");
  }
}

// --- rows

TEST_P(MixerContract, PaddingInfluencesNothing) {
  for (const auto type : {at::kDouble, at::kFloat})
    for (const auto& sizes : {std::vector<std::int64_t>{13, 1, 7, 12, 0}, {2, 3, 0}, {70, kLong}})
      expect_padding_influences_nothing(*subject.make(type), subject.d, type, sizes);
}

TEST_P(MixerContract, PooledResultsAreThoseOfTheRowsAlone) {
  ClassifierConfig config;
  config.backbone.mixer = subject.mixer;
  config.backbone.mixer_settings = subject.settings;
  config.backbone.d_model = subject.d;
  config.backbone.layers = 1;
  config.backbone.l_max = 64;
  config.inputs = 2;
  config.classes = 3;
  for (const auto type : {at::kDouble, at::kFloat}) {
    Classifier model(config, 3);
    model.to(type);
    model.eval();
    for (const auto& sizes : {std::vector<std::int64_t>{13, 1, 7}, {2, 3}, {70, kLong}})
      expect_pooled_rows_are_those_alone(model, type, sizes);
  }
}

TEST_P(MixerContract, RowsAreIndependent) {
  const auto mixer = subject.make(at::kDouble);
  for (const std::int64_t t : {2, 15}) {
    const auto x = input(4, t, subject.d, at::kDouble);
    const auto y = mixer->forward(x);
    auto changed = x.clone();
    changed[1].mul_(-50).add_(7);
    const auto again = mixer->forward(changed);
    for (const std::int64_t row : {0, 2, 3}) expect_close(again[row], y[row], 1e-12, "row " + std::to_string(row));
    expect_close(mixer->forward(x.flip(0)), y.flip(0), 1e-12, "rows in reverse order");
  }
}

// --- runs

TEST_P(MixerContract, RepeatsToTheSameBits) {
  const auto mixer = subject.make(at::kFloat), twin = subject.make(at::kFloat);
  for (const std::int64_t t : {3, kLong}) {
    const auto x = input(3, t, subject.d, at::kFloat);
    const auto y = mixer->forward(x);
    const auto first = gradients(*mixer, x), second = gradients(*mixer, x);
    EXPECT_TRUE(at::equal(mixer->forward(x), y)) << t;
    for (const auto& [name, gradient] : first) EXPECT_TRUE(at::equal(second.at(name), gradient)) << name << ", " << t;
    EXPECT_TRUE(at::equal(twin->forward(x), y)) << "the seed decides the weights";
  }
}

TEST_P(MixerContract, LoadsStrictly) {
  const auto mixer = subject.make(at::kFloat), other = subject.make(at::kFloat, 8);
  const auto x = input(2, 9, subject.d, at::kFloat);
  const auto y = mixer->forward(x);
  TensorMap weights;
  for (const auto& [name, tensor] : mixer->state()) weights[name] = tensor.clone();
  other->load(weights, "test");
  EXPECT_TRUE(at::equal(other->forward(x), y));
  if (weights.empty()) return;
  auto missing = weights;
  missing.erase(missing.begin());
  EXPECT_THROW(other->load(missing, "test"), UserError);
  auto extra = weights;
  extra["unheard of"] = at::zeros({1});
  EXPECT_THROW(other->load(extra, "test"), UserError);
}

TEST_P(MixerContract, RefusesInputOfAnotherShape) {
  const auto mixer = subject.make(at::kFloat);
  EXPECT_THROW(mixer->forward(input(2, 3, subject.d + 1, at::kFloat)), UserError);
  EXPECT_THROW(mixer->forward(at::zeros({2, subject.d})), UserError);
  EXPECT_THROW(mixer->forward(at::zeros({0, 3, subject.d})), UserError);
  EXPECT_THROW(mixer->forward(at::zeros({2, 0, subject.d})), UserError);
  EXPECT_THROW(mixer->forward(input(2, 3, subject.d, at::kFloat), at::zeros({3}, at::kLong)), UserError);
}

TEST_P(MixerContract, RefusesInputOfAnotherType) {
  const auto mixer = subject.make(at::kFloat);
  for (const auto type : {at::kDouble, at::kLong})
    EXPECT_THROW(mixer->forward(input(2, 3, subject.d, type)), UserError) << type;
  mixer->to(at::kDouble);
  EXPECT_THROW(mixer->forward(input(2, 3, subject.d, at::kFloat)), UserError);
  EXPECT_EQ(mixer->forward(input(2, 3, subject.d, at::kDouble)).scalar_type(), at::kDouble);
}

TEST_P(MixerContract, RefusesLengthsOutOfRange) {
  const auto mixer = subject.make(at::kFloat);
  const auto x = input(2, 8, subject.d, at::kFloat);
  for (const auto& lengths :
       {at::tensor({9, 3}, at::kLong), at::tensor({3, 60}, at::kLong), at::tensor({-1, 3}, at::kLong)})
    EXPECT_THROW(mixer->forward(x, lengths), UserError) << lengths;
}

std::string name_of(const ::testing::TestParamInfo<Subject>& info) {
  auto name = info.param.mixer + "_" + info.param.variant;
  for (auto& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Registered, MixerContract, ::testing::ValuesIn(subjects()), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MixerContract);

TEST(Mixers, GiveAReasonForEveryPromiseTheyDoNotMake) {
  for (const auto& subject : subjects()) {
    const auto properties = subject.properties();
    const auto say = [&](const std::string& what) {
      std::printf("%s, %s: %s\n", subject.mixer.c_str(), subject.variant.c_str(), what.c_str());
    };
    if (const auto rounding = rounding_of_the_past(properties); properties.causal && rounding > 0)
      say(fmt::format("causal within {:g} of the largest output, not to the bit: it computes by Fourier transforms",
                      rounding));
    if (properties.causal && properties.streams) continue;
    EXPECT_FALSE(properties.reason.empty()) << subject.mixer << " " << subject.variant;
    say(std::string("not ") + (properties.causal ? "streaming" : "causal") + ": " + properties.reason);
  }
}

TEST(Mixers, TellEverythingThatTablesPrint) {
  EXPECT_FALSE(mixers().empty());
  for (const auto& [name, info] : mixers()) {
    EXPECT_FALSE(info.title.empty() || info.family.empty() || info.summary.empty() || info.source.empty()) << name;
    for (const auto& field : info.fields) EXPECT_FALSE(field.help.empty()) << name << "." << field.name;
  }
}

}  // namespace
}  // namespace longwave
