#include "longwave/ops/arx_tokens.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

struct Shape {
  std::int64_t b, c, j, n, s, d;
};
// As many targets as channels and fewer, one segment, widths of whole panels and odd ones, more windows than parts.
const std::vector<Shape> kShapes{{3, 7, 7, 5, 96, 64}, {2, 5, 3, 2, 33, 20}, {1, 1, 1, 1, 1, 1}, {19, 2, 1, 3, 65, 7}};

testing::Op tokens_of(const Tensors& inputs, double p) {
  const auto z = inputs[0];  // data: without gradient in the fused form
  return [=](const Tensors& t) {
    return Tensors{
        ops::arx_tokens(z.to(t[0].scalar_type()), {t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9]}, p, 17)};
  };
}

Tensors inputs_of(const Shape& x) {
  at::manual_seed(5);
  const auto random = [](at::IntArrayRef shape, double scale = 1) { return at::randn(shape, at::kDouble) * scale; };
  const double small = 1 / std::sqrt(x.s);
  return {random({x.b, x.c, x.n, x.s}),
          random({x.d, x.s}, small),
          random({x.d}),
          random({x.d}),
          random({x.d, x.s}, small),
          random({x.d}),
          random({x.d}),
          random({x.j, x.c}),
          random({x.j}),
          random({x.j, 2 * x.n, x.d}),
          random({x.d})};
}

Tensors weights_of(const Tensors& inputs) { return {inputs.begin() + 1, inputs.end()}; }

TEST(ArxTokens, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& shape : kShapes)
    for (const double p : {0.0, 0.3}) {
      const auto inputs = inputs_of(shape);
      testing::expect_float_matches_double(tokens_of(inputs, p), weights_of(inputs), 3e-5);
    }
}

TEST(ArxTokens, GradientsMatchDifferences) {
  const auto inputs = inputs_of({2, 3, 2, 2, 4, 5});
  testing::expect_gradients_match_differences(tokens_of(inputs, 0.3), weights_of(inputs));
}

TEST(ArxTokens, SameBitsForAnyNumberOfThreads) {
  for (const auto& shape : kShapes) {
    const auto inputs = inputs_of(shape);
    testing::expect_same_bits_for_any_threads(tokens_of(inputs, 0.3), weights_of(inputs));
  }
}

TEST(ArxTokens, DataMayNeedGradientsToo) {
  auto inputs = inputs_of({2, 3, 2, 2, 4, 5});
  for (auto& x : inputs) x = x.to(at::kFloat);
  inputs[0].requires_grad_();
  tokens_of(inputs, 0)(weights_of(inputs))[0].square().sum().backward();
  EXPECT_GT(inputs[0].grad().abs().max().item<double>(), 0);
}

TEST(ArxTokens, WrongInputsGetOneLine) {
  auto inputs = inputs_of({2, 3, 2, 2, 4, 5});
  inputs[9] = at::zeros({2, 3, 5}, at::kDouble);
  testing::expect_error([&] { tokens_of(inputs, 0)(weights_of(inputs)); },
                        "arx_tokens: positions is [2, 3, 5]; expected [2, 4, 5]");
}

}  // namespace
}  // namespace longwave
