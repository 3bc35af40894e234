#include "longwave/ops/rotary.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using ops::RotaryPairs;
using testing::Tensors;

testing::Op turned(RotaryPairs pairs, const at::Tensor& first = {}) {
  return [=](const Tensors& t) {
    return Tensors{ops::rotary(t[0], ops::rotary_ratio(t[0].size(3), 10000), pairs, first)};
  };
}

at::Tensor places(std::vector<std::int64_t> first) { return at::tensor(first, at::kLong); }

/// By complex numbers, x [b, t, h, d] in double.
at::Tensor definition(const at::Tensor& x, RotaryPairs pairs, const at::Tensor& first) {
  const auto d = x.size(3);
  const bool half = pairs == RotaryPairs::half;
  const auto parts = half ? at::stack({x.narrow(3, 0, d / 2), x.narrow(3, d / 2, d / 2)}, -1)
                          : x.reshape({x.size(0), x.size(1), x.size(2), d / 2, 2});
  const auto positions = first.to(at::kDouble).unsqueeze(1) + at::arange(x.size(1), at::kDouble);
  const auto rates = at::pow(10000.0, at::arange(0, d, 2, at::kDouble) / -static_cast<double>(d));
  const auto angles = (positions.unsqueeze(-1) * rates).unsqueeze(2);
  const auto y =
      at::view_as_real(at::view_as_complex(parts.contiguous()) * at::complex(at::cos(angles), at::sin(angles)));
  return half ? at::cat({y.select(-1, 0), y.select(-1, 1)}, -1) : y.flatten(3);
}

const std::vector<RotaryPairs> kBoth = {RotaryPairs::half, RotaryPairs::interleaved};

TEST(Rotary, DoubleIsTheDefinition) {
  for (const auto pairs : kBoth) {
    const auto x = at::randn({3, 7, 2, 10}, at::kDouble);
    const auto first = places({0, 5, 123456});
    const auto y = ops::rotary(x, ops::rotary_ratio(10, 10000), pairs, first);
    EXPECT_LT(testing::largest_difference(y, definition(x, pairs, first)), 1e-9);
  }
}

TEST(Rotary, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto pairs : kBoth)
    for (const auto& sizes :
         std::vector<std::vector<std::int64_t>>{{2, 5, 3, 6}, {1, 200, 2, 64}, {2, 67, 1, 2}, {1, 64, 3, 34}}) {
      const auto x = at::randn(sizes);
      testing::expect_float_matches_double(turned(pairs), {x}, 1e-6);
      const auto first = at::full({sizes[0]}, 1000003, at::kLong) + at::arange(sizes[0], at::kLong) * 77;
      testing::expect_float_matches_double(turned(pairs, first), {x}, 1e-6);
    }
}

TEST(Rotary, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(turned(RotaryPairs::half, places({3, 70})), {at::randn({2, 300, 4, 64})});
}

TEST(Rotary, PiecesAndStepsHaveTheBitsOfTheWhole) {
  const auto x = at::randn({2, 200, 3, 12});
  const auto at_start = places({0, 50});
  const auto turn = [&](std::int64_t from, std::int64_t steps) {
    return ops::rotary(x.narrow(1, from, steps), 0.3, RotaryPairs::interleaved, at_start + from);
  };
  const auto whole = turn(0, 200);
  for (const std::int64_t steps : {1, 40, 100})
    for (std::int64_t from = 0; from < 200; from += steps)
      EXPECT_TRUE(at::equal(turn(from, steps), whole.narrow(1, from, steps))) << steps << " from " << from;
}

TEST(Rotary, GradientsMatchDifferences) {
  for (const auto pairs : kBoth)
    testing::expect_gradients_match_differences(turned(pairs, places({4, 0})), {at::randn({2, 3, 2, 8}, at::kDouble)});
}

TEST(Rotary, ComposedFormOfOtherDevicesIsTheSame) {
  const auto x = at::randn({2, 9, 2, 8}, at::kDouble);
  for (const bool half : {false, true})
    for (const bool backwards : {false, true})
      for (const auto& first : {at::empty({0}, at::kLong), places({2, 31})}) {
        const auto op = c10::Dispatcher::singleton()
                            .findSchemaOrThrow("longwave::rotary", "")
                            .typed<at::Tensor(const at::Tensor&, const at::Tensor&, double, bool, bool)>();
        const auto composed =
            op.redispatch(c10::DispatchKeySet(c10::DispatchKey::CUDA), x, first, 0.7, half, backwards);
        EXPECT_LT(testing::largest_difference(composed, op.call(x, first, 0.7, half, backwards)), 1e-12);
      }
}

TEST(Rotary, MetaTensorsHaveTheShape) {
  const auto x = at::empty({2, 3, 4, 6}, at::TensorOptions().device(at::kMeta));
  EXPECT_EQ(ops::rotary(x, 0.5, RotaryPairs::half).sizes(), x.sizes());
}

TEST(Rotary, WrongInputsGetOneLine) {
  const auto x = at::randn({2, 3, 1, 4});
  testing::expect_error(
      [&] {
        ops::rotary(at::randn({2, 3, 1, 5}), 0.5, RotaryPairs::half);
      },
      "rotary: x is [2, 3, 1, 5]; expected an even last size, since channels turn in pairs");
  testing::expect_error([&] { ops::rotary(x, 0, RotaryPairs::half); },
                        "rotary: ratio is 0; expected a positive number");
  testing::expect_error([&] { ops::rotary(x, 0.5, RotaryPairs::half, places({1})); },
                        "rotary: first is Long [1]; expected int64 [b] = [2]");
  testing::expect_error(
      [&] {
        ops::rotary(x, 0.5, RotaryPairs::half, places({1, -2}));
      },
      "rotary: first[1] is -2; expected a position, 0 or more");
}

}  // namespace
}  // namespace longwave
