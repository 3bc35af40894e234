// What every registered mixer promises, at several odd sizes. A new mixer adds no line here: it is tested because it is
// registered, with its defaults and with every variant that it names.

#include <gtest/gtest.h>
#include <malloc.h>

#include "longwave/mixers/mixer.h"
#include "longwave/models/flops.h"
#include "longwave/nn/tensor_memory.h"
#include "tests/support/op_testing.h"
#include "tests/support/work_counter.h"

namespace longwave {
namespace {

using testing::for_every_instruction_set;

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

std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const auto& [name, info] : mixers()) {
    all.push_back({name, "defaults", Json::object(), 16});
    for (const auto& variant : info.variants) all.push_back({name, variant.name, variant.settings, variant.d});
  }
  return all;
}

void PrintTo(const Subject& subject, std::ostream* out) { *out << subject.mixer << " " << subject.settings.dump(); }

class MixerContract : public ::testing::TestWithParam<Subject> {
 protected:
  const Subject& subject = GetParam();
};

at::Tensor input(std::int64_t b, std::int64_t t, std::int64_t d, at::ScalarType type, std::uint64_t seed = 1) {
  at::manual_seed(seed);
  return at::randn({b, t, d}, at::kDouble).to(type);
}

double largest(const at::Tensor& x) { return x.numel() ? x.abs().max().item<double>() : 0; }

void expect_close(const at::Tensor& got, const at::Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  const auto error = largest(got.to(at::kDouble) - expected.to(at::kDouble));
  EXPECT_LE(error, tolerance * std::max(1.0, largest(expected))) << what;
}

void expect_states_close(const State& got, const State& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(got.count(name)) << name;
    expect_close(at::nan_to_num(got.at(name)), at::nan_to_num(tensor), tolerance, "state " + name);
  }
}

/// A state that is not the first one: what a few steps leave behind.
State warm_state(SequenceMixer& mixer, std::int64_t b, std::int64_t d, at::ScalarType type) {
  const at::NoGradGuard no_grad;
  auto state = mixer.initial_state(b);
  mixer.forward(input(b, 5, d, type, 99), {}, &state);
  return state;
}

/// Gradients of sum(y * w) for a fixed w with respect to x and all weights, by name.
TensorMap gradients(SequenceMixer& mixer, const at::Tensor& x, const Lengths& lengths = {}) {
  mixer.zero_grad();
  const auto leaf = x.detach().clone().requires_grad_();
  const auto y = mixer.forward(leaf, lengths);
  at::manual_seed(5);
  (y * at::randn(y.sizes(), at::kDouble).to(y.scalar_type())).sum().backward();
  TensorMap all = {{"x", leaf.grad()}};
  for (const auto& item : mixer.named_parameters())
    if (item.value().grad().defined()) all[item.key()] = item.value().grad().clone();
  return all;
}

// --- shapes and memory

TEST_P(MixerContract, KeepsTheShapeAtOddSizes) {
  const auto mixer = subject.make(at::kFloat);
  for (const auto& [b, t] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 2}, {2, 17}, {1, 64}}) {
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
  const auto x = input(2, 19, subject.d, at::kFloat);
  const auto before = gradients(*mixer, x);
  const auto y = mixer->forward(x);
  for (const int pattern : {0xFF, 0xC1}) {  // freed floats become NaN / -24.2, fresh ones 0 / 0.19
    mallopt(M_PERTURB, pattern);
    const auto again = mixer->forward(x);
    const auto after = gradients(*mixer, x);
    mallopt(M_PERTURB, 0);
    EXPECT_TRUE(at::equal(again, y));
    for (const auto& [name, gradient] : before) EXPECT_TRUE(at::equal(after.at(name), gradient)) << name;
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
  const auto once = work_of(subject, 2048), twice = work_of(subject, 4096);
  EXPECT_GT(once.flops, 0);
  if (cost == Cost::quadratic) return;
  const double steps = cost == Cost::linearithmic ? 2 * 12.0 / 11.0 : 2;  // 4096 is 2^12
  EXPECT_LT(twice.flops, 1.02 * steps * once.flops) << "operations";
  // Libraries copy more from some size on, by a constant factor; t log t steps would be 1.09 times two.
  EXPECT_LT(twice.numbers, 1.08 * steps * once.numbers) << "numbers touched";
}

// --- time

TEST_P(MixerContract, IsCausal) {
  const auto properties = subject.properties();
  if (!properties.causal) GTEST_SKIP() << properties.reason;
  const auto mixer = subject.make(at::kFloat);
  const auto x = input(2, 37, subject.d, at::kFloat);
  const auto y = mixer->forward(x);
  for (const std::int64_t first : {1, 16, 36}) {
    auto changed = x.clone();
    changed.narrow(1, first, 37 - first).mul_(-3).add_(1);
    const auto past = mixer->forward(changed).narrow(1, 0, first), expected = y.narrow(1, 0, first);
    if (properties.cost == Cost::linearithmic)  // a transform mixes the rounding of all steps
      expect_close(past, expected, 1e-5, "past");
    else
      EXPECT_TRUE(at::equal(past, expected)) << "before step " << first;
  }
}

TEST_P(MixerContract, AnySplitWithCarriedStateIsTheWhole) {
  const auto properties = subject.properties();
  if (!properties.streams) GTEST_SKIP() << properties.reason;
  constexpr std::int64_t kSteps = 41;
  const std::vector<std::vector<std::int64_t>> splits = {
      std::vector<std::int64_t>(kSteps, 1), {20, 21}, {1, 15, 1, 17, 7}, {33, 1, 1, 6}};
  for (const auto type : {at::kDouble, at::kFloat}) {
    const double tolerance = type == at::kDouble ? 1e-9 : 5e-5;
    const auto mixer = subject.make(type);
    const auto x = input(2, kSteps, subject.d, type);
    const auto whole = mixer->forward(x);
    auto end = mixer->initial_state(2);
    expect_close(mixer->forward(x, {}, &end), whole, tolerance, "in one piece with a state");
    for (const auto& split : splits) {
      const at::AutoGradMode records(split.size() == 2);  // which some take another way
      auto state = mixer->initial_state(2);
      std::vector<at::Tensor> pieces;
      std::int64_t at = 0;
      for (const auto steps : split) pieces.push_back(mixer->forward(x.narrow(1, at, steps), {}, &state)), at += steps;
      expect_close(at::cat(pieces, 1), whole, tolerance, std::to_string(split.size()) + " pieces");
      expect_states_close(state, end, tolerance);
    }
  }
}

TEST_P(MixerContract, AStateIsNobodyElsesMemory) {
  const auto properties = subject.properties();
  if (!properties.streams) GTEST_SKIP() << properties.reason;
  const auto mixer = subject.make(at::kFloat);
  const at::NoGradGuard no_grad;
  for (const std::int64_t steps : {1, 3, 4, 9}) {
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
  const auto x = input(2, 11, subject.d, at::kDouble);
  const auto analytic = gradients(*mixer, x);
  at::manual_seed(5);
  const auto weights = at::randn(mixer->forward(x).sizes(), at::kDouble);
  const at::NoGradGuard no_grad;
  const auto loss = [&](const at::Tensor& at_x) { return (mixer->forward(at_x) * weights).sum().item<double>(); };
  const auto expect_near = [&](const std::string& name, double numeric, const at::Tensor& direction) {
    const double got = (analytic.at(name) * direction).sum().item<double>();
    EXPECT_NEAR(got, numeric, 2e-6 * std::max(1.0, largest(analytic.at(name)))) << name;
  };
  constexpr double kEps = 3e-6;  // norms of small initial outputs bend within 1e-5
  at::manual_seed(3);
  const auto along = at::randn(x.sizes(), at::kDouble);
  expect_near("x", (loss(x + kEps * along) - loss(x - kEps * along)) / (2 * kEps), along);
  for (const auto& item : mixer->named_parameters()) {
    if (!analytic.count(item.key())) continue;
    auto value = item.value();
    const auto kept = value.clone(), direction = at::randn(value.sizes(), value.options());
    value.copy_(kept + kEps * direction);
    const double up = loss(x);
    value.copy_(kept - kEps * direction);
    const double down = loss(x);
    value.copy_(kept);
    expect_near(item.key(), (up - down) / (2 * kEps), direction);
  }
}

TEST_P(MixerContract, GradientsOfTheInitialStateMatchDifferences) {
  if (!subject.properties().streams) GTEST_SKIP() << subject.properties().reason;
  const auto mixer = subject.make(at::kDouble);
  const auto x = input(2, 6, subject.d, at::kDouble);
  const auto start = warm_state(*mixer, 2, subject.d, at::kDouble);
  const auto weights = input(2, 6, subject.d, at::kDouble, 5);
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
    EXPECT_NEAR((gradient * direction).sum().item<double>(), numeric, 2e-6 * std::max(1.0, largest(gradient))) << name;
  }
}

TEST_P(MixerContract, FloatOnEveryInstructionSetMatchesTheReference) {
  const auto exact = subject.make(at::kDouble), fast = subject.make(at::kFloat);
  for (const std::int64_t t : {1, 23, 70}) {
    const auto x = input(3, t, subject.d, at::kDouble);
    const auto expected_y = exact->forward(x);
    const auto expected = gradients(*exact, x);
    for_every_instruction_set([&](const std::string& target) {
      expect_close(fast->forward(x.to(at::kFloat)), expected_y, 2e-5, target + ": y");
      for (const auto& [name, gradient] : gradients(*fast, x.to(at::kFloat)))
        expect_close(gradient, expected.at(name), 2e-4, target + ": gradient of " + name);
    });
  }
}

// --- rows

TEST_P(MixerContract, PaddingInfluencesNothing) {
  const auto mixer = subject.make(at::kDouble);
  const std::vector<std::int64_t> sizes = {13, 1, 7, 12, 0};
  const auto lengths = at::tensor(sizes, at::kLong);
  const auto rows = static_cast<std::int64_t>(sizes.size());
  const auto clean = input(rows, 13, subject.d, at::kDouble);
  const auto valid = valid_steps(lengths, clean);
  const auto x = at::where(valid, clean, at::full({}, 1e4, clean.options()));  // garbage where it is padded
  const auto y = mixer->forward(x, lengths);
  const auto together = gradients(*mixer, x, lengths);
  EXPECT_EQ(largest(y.masked_select(valid.logical_not())), 0) << "outputs at padded steps";
  EXPECT_EQ(largest(together.at("x").masked_select(valid.logical_not())), 0) << "gradients at padded steps";

  at::manual_seed(5);
  const auto weights = at::randn(y.sizes(), at::kDouble);
  mixer->zero_grad();
  const auto streams = mixer->properties().streams;
  State padded;
  if (streams) {
    const at::NoGradGuard no_grad;
    padded = mixer->initial_state(rows);
    expect_close(mixer->forward(x, lengths, &padded), y, 1e-9, "with a state");
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto n = sizes[static_cast<std::size_t>(row)];
    if (n == 0) continue;
    const auto alone = clean.narrow(0, row, 1).narrow(1, 0, n).clone().requires_grad_();
    const auto y_alone = mixer->forward(alone);
    expect_close(y.narrow(0, row, 1).narrow(1, 0, n), y_alone, 1e-9, "row " + std::to_string(row));
    (y_alone * weights.narrow(0, row, 1).narrow(1, 0, n)).sum().backward();
    expect_close(together.at("x").narrow(0, row, 1).narrow(1, 0, n), alone.grad(), 1e-8, "gradient of x");
    if (!streams) continue;
    const at::NoGradGuard no_grad;
    auto state = mixer->initial_state(1);
    mixer->forward(alone.detach(), {}, &state);
    for (const auto& [name, tensor] : state)
      if (tensor.sizes().slice(1) == padded.at(name).sizes().slice(1))  // a history grows with the longest row
        expect_close(padded.at(name).narrow(0, row, 1), tensor, 1e-9, "state " + name + ", row " + std::to_string(row));
  }
  for (const auto& item : mixer->named_parameters())
    if (item.value().grad().defined())
      expect_close(together.at(item.key()), item.value().grad(), 1e-8, "gradient of " + item.key());
}

TEST_P(MixerContract, RowsAreIndependent) {
  const auto mixer = subject.make(at::kDouble);
  const auto x = input(4, 15, subject.d, at::kDouble);
  const auto y = mixer->forward(x);
  auto changed = x.clone();
  changed[1].mul_(-50).add_(7);
  const auto again = mixer->forward(changed);
  for (const std::int64_t row : {0, 2, 3}) expect_close(again[row], y[row], 1e-12, "row " + std::to_string(row));
  expect_close(mixer->forward(x.flip(0)), y.flip(0), 1e-12, "rows in reverse order");
}

// --- runs

TEST_P(MixerContract, RepeatsToTheSameBits) {
  const auto mixer = subject.make(at::kFloat);
  const auto x = input(3, 33, subject.d, at::kFloat);
  const auto y = mixer->forward(x);
  const auto first = gradients(*mixer, x), second = gradients(*mixer, x);
  EXPECT_TRUE(at::equal(mixer->forward(x), y));
  for (const auto& [name, gradient] : first) EXPECT_TRUE(at::equal(second.at(name), gradient)) << name;
  const auto twin = subject.make(at::kFloat);
  EXPECT_TRUE(at::equal(twin->forward(x), y)) << "the seed decides the weights";
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
    if (properties.causal && properties.streams) continue;
    EXPECT_FALSE(properties.reason.empty()) << subject.mixer << " " << subject.variant;
    std::printf("%s, %s: not %s: %s\n", subject.mixer.c_str(), subject.variant.c_str(),
                properties.causal ? "streaming" : "causal", properties.reason.c_str());
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
