#include "longwave/ops/selective_scan.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

/// u, delta, log of -A, B, C, state, and further D, z, delta_bias.
Tensors random_inputs(std::int64_t b, std::int64_t t, std::int64_t d, std::int64_t n, std::int64_t groups) {
  at::manual_seed(7);
  const auto draw = [](at::IntArrayRef shape) { return at::randn(shape, at::kDouble); };
  return {
      draw({b, t, d}), draw({b, t, d}), draw({d, n}), draw({b, t, groups, n}), draw({b, t, groups, n}), draw({b, d, n}),
      draw({d}),       draw({b, t, d}), draw({d})};
}

ops::SelectiveScanInputs arguments(const Tensors& t) {
  return {.u = t[0],
          .delta = t[1],
          .A = -t[2].exp(),
          .B = t[3],
          .C = t[4],
          .D = t[6],
          .z = t[7],
          .delta_bias = t[8],
          .delta_softplus = true,
          .state = t[5],
          .lengths = {}};
}
Tensors results(const ops::SelectiveScanInputs& in) {
  const auto [y, state] = ops::selective_scan(in);
  return {y, state};
}

Tensors everything(const Tensors& t) { return results(arguments(t)); }
Tensors bare(const Tensors& t) {
  return results({.u = t[0],
                  .delta = t[1].square() / 4,
                  .A = -t[2].exp(),
                  .B = t[3],
                  .C = t[4],
                  .D = {},
                  .z = {},
                  .delta_bias = {},
                  .delta_softplus = false,
                  .state = {},
                  .lengths = {}});
}
Tensors padded(const Tensors& t) {
  auto in = arguments(t);
  in.lengths = at::arange(t[0].size(0), at::kLong) * (t[0].size(1) / 2);
  return results(in);
}

/// The first six inputs of random_inputs, their shares of imaginary parts, and D, z, delta_bias.
Tensors complex_inputs(std::int64_t b, std::int64_t t, std::int64_t d, std::int64_t n, std::int64_t groups) {
  auto all = random_inputs(b, t, d, n, groups);
  for (const auto i : {2, 3, 4, 5}) all.push_back(at::randn(all[static_cast<std::size_t>(i)].sizes(), at::kDouble));
  return all;
}
Tensors with_complex_states(const Tensors& t) {
  auto in = arguments(t);
  in.A = at::complex(-t[2].exp(), 3 * t[9]);
  in.B = at::complex(t[3], t[10]);
  in.C = at::complex(t[4], t[11]);
  in.state = at::complex(t[5], t[12]);
  const auto [y, state] = ops::selective_scan(in);
  return {y, at::view_as_real(state)};
}
Tensors complex_and_padded(const Tensors& t) {
  auto in = arguments(t);
  in.A = at::complex(-t[2].exp(), t[9]);
  in.B = at::complex(t[3], t[10]);
  in.C = at::complex(t[4], t[11]);
  in.D = in.z = in.delta_bias = in.state = at::Tensor();
  in.lengths = at::arange(t[0].size(0), at::kLong) * (t[0].size(1) / 2);
  const auto [y, state] = ops::selective_scan(in);
  return {y, at::view_as_real(state)};
}

TEST(SelectiveScan, ComplexFloatMatchesDoubleOnEveryInstructionSet) {
  testing::expect_float_matches_double(with_complex_states, complex_inputs(2, 75, 64, 16, 1), 1e-5);
  testing::expect_float_matches_double(with_complex_states, complex_inputs(1, 33, 150, 3, 2), 1e-5);
  testing::expect_float_matches_double(complex_and_padded, complex_inputs(3, 66, 70, 4, 1), 1e-5);
  testing::expect_float_matches_double(with_complex_states, complex_inputs(2, 1, 5, 1, 1), 1e-5);
}

TEST(SelectiveScan, ComplexGradientsMatchDifferences) {
  testing::expect_gradients_match_differences(with_complex_states, complex_inputs(2, 7, 4, 3, 2));
  testing::expect_gradients_match_differences(complex_and_padded, complex_inputs(3, 6, 2, 2, 1));
}

TEST(SelectiveScan, ComplexSameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(with_complex_states, complex_inputs(3, 40, 200, 4, 1));
}

/// The recurrence as one reads it, in complex ATen operators.
TEST(SelectiveScan, ComplexStatesFollowTheEquations) {
  const auto t = complex_inputs(2, 9, 4, 3, 2);
  const auto a = at::complex(-t[2].exp(), 3 * t[9]), maps_in = at::complex(t[3], t[10]),
             maps_out = at::complex(t[4], t[11]);
  auto h = at::complex(t[5], t[12]);
  const auto step = at::softplus(t[1] + t[8]);
  std::vector<at::Tensor> y;
  for (std::int64_t k = 0; k < 9; ++k) {
    const auto of_channels = [&](const at::Tensor& x) { return x.select(1, k).repeat_interleave(2, 1); };  // [b, d, n]
    const auto s = step.select(1, k).unsqueeze(-1), u = t[0].select(1, k).unsqueeze(-1);
    h = at::exp(s * a) * h + s * of_channels(maps_in) * u;
    y.push_back((2 * at::real((of_channels(maps_out) * h).sum(-1)) + t[6] * t[0].select(1, k)) *
                at::silu(t[7].select(1, k)));
  }
  const auto got = with_complex_states(t);
  EXPECT_LT(testing::largest_difference(got[0], at::stack(y, 1)), 1e-12);
  EXPECT_LT(testing::largest_difference(got[1], at::view_as_real(h)), 1e-12);
}

TEST(SelectiveScan, FloatMatchesDoubleOnEveryInstructionSet) {
  testing::expect_float_matches_double(everything, random_inputs(2, 75, 64, 16, 1), 1e-5);
  testing::expect_float_matches_double(everything, random_inputs(1, 33, 150, 3, 2), 1e-5);
  testing::expect_float_matches_double(bare, random_inputs(2, 70, 9, 5, 3), 1e-5);
  testing::expect_float_matches_double(padded, random_inputs(3, 66, 70, 4, 1), 1e-5);
  testing::expect_float_matches_double(everything, random_inputs(2, 1, 5, 1, 1), 1e-5);
}

TEST(SelectiveScan, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(everything, random_inputs(2, 7, 4, 3, 2));
  testing::expect_gradients_match_differences(bare, random_inputs(1, 7, 4, 3, 1));
  testing::expect_gradients_match_differences(padded, random_inputs(3, 6, 2, 2, 1));
}

TEST(SelectiveScan, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(everything, random_inputs(3, 40, 200, 4, 1));
}

TEST(SelectiveScan, LongMemoryLosesNothing) {  // exp(0) is 1 exactly
  const auto ones = at::ones({1, 5000, 1});
  const auto y = ops::selective_scan({.u = ones,
                                      .delta = ones,
                                      .A = at::zeros({1, 1}),
                                      .B = ones,
                                      .C = ones,
                                      .D = {},
                                      .z = {},
                                      .delta_bias = {},
                                      .delta_softplus = false,
                                      .state = {},
                                      .lengths = {}})
                     .y;
  EXPECT_EQ(y[0][4999][0].item<float>(), 5000);
}

TEST(SelectiveScan, StrongDecayAndLargeStepsStayFinite) {
  auto t = random_inputs(1, 40, 3, 2, 1);
  for (auto& x : t) x = x.to(at::kFloat);
  t[1] = t[1] * 1000, t[2] = t[2] + 8;
  for (const auto& x : testing::outputs_and_gradients(everything, t, at::kFloat))
    EXPECT_TRUE(x.isfinite().all().item<bool>());
}

TEST(SelectiveScan, SlicesOfJointProjectionsNeedNoCopy) {
  auto t = random_inputs(2, 9, 6, 4, 1);
  for (auto& x : t) x = x.to(at::kFloat);
  auto in = arguments(t);
  const auto whole = ops::selective_scan(in).y;
  const auto joint = at::cat({in.u, in.z}, -1), maps = at::cat({in.B, in.C}, -1);
  in.u = joint.slice(-1, 0, 6), in.z = joint.slice(-1, 6), in.B = maps.slice(-1, 0, 4), in.C = maps.slice(-1, 4);
  EXPECT_TRUE(at::equal(ops::selective_scan(in).y, whole));
}

TEST(SelectiveScan, MetaTensorsHaveTheShape) {
  const auto options = at::TensorOptions().device(at::kMeta);
  const auto u = at::empty({2, 3, 4}, options), maps = at::empty({2, 3, 5}, options);
  const auto [y, state] = ops::selective_scan({.u = u,
                                               .delta = u,
                                               .A = at::empty({4, 5}, options),
                                               .B = maps,
                                               .C = maps,
                                               .D = {},
                                               .z = {},
                                               .delta_bias = {},
                                               .delta_softplus = true,
                                               .state = {},
                                               .lengths = {}});
  EXPECT_EQ(y.sizes(), u.sizes());
  EXPECT_EQ(state.sizes(), (std::vector<std::int64_t>{2, 4, 5}));
}

TEST(SelectiveScan, WrongInputsGetOneLine) {
  auto in = arguments(random_inputs(2, 3, 4, 5, 1));
  in.B = in.B.slice(-1, 1);
  testing::expect_error([&] { ops::selective_scan(in); },
                        "selective_scan: B is [2, 3, 1, 4]; expected [b, t, g, n] (n from A) = [2, 3, 1, 5]");
  in = arguments(random_inputs(2, 3, 4, 5, 1));
  in.A = at::complex(in.A, in.A);
  testing::expect_error([&] { ops::selective_scan(in); }, "selective_scan: B is Double; expected ComplexDouble like A");
  in = arguments(random_inputs(2, 3, 4, 5, 1));
  in.lengths = at::tensor({3, 4}, at::kLong);
  testing::expect_error([&] { ops::selective_scan(in); }, "selective_scan: lengths[1] is 4; expected 0 .. t = 3");
}

}  // namespace
}  // namespace longwave
