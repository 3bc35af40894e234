#include "longwave/kernels/bilinear_step.h"
#include "longwave/kernels/dropout.h"
#include "longwave/kernels/gated_map.h"
#include "longwave/kernels/rotary.h"
#include "longwave/kernels/short_convolution.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

/// `m` with its sizes; its tensors are made here. all: with GELU, a bias and rows that do not count.
Results gated_map_results(GatedMap m, bool all, Form form) {
  Random random;
  const auto x = random.numbers(m.rows * m.d_in), weight = random.numbers(2 * m.d_out * m.d_in, 0.3);
  const auto bias = random.numbers(2 * m.d_out), dy = random.numbers(m.rows * m.d_out);
  const auto valid = std::make_unique<bool[]>(m.rows);
  for (std::int64_t row = 0; row < m.rows; ++row) valid[row] = row % 3 != 1;
  auto y = unwritten(m.rows * m.d_out), alone = y, product = unwritten(m.rows * 2 * m.d_out);
  auto dx = unwritten(m.rows * m.d_in), dweight = unwritten(2 * m.d_out * m.d_in);
  auto dbias = all ? unwritten(2 * m.d_out) : Numbers();
  m.x = x.data(), m.weight = weight.data(), m.bias = all ? bias.data() : nullptr;
  m.valid = all ? valid.get() : nullptr, m.gelu = all;
  const GatedMapGrad g{dy.data(), dx.data(), dweight.data(), dbias.data()};
  if (form == Form::reference) {
    gated_map_reference(m, y.data());
    gated_map_reference(m, alone.data());
    gated_map_grad_reference(m, g);
  } else {
    gated_map(m, alone.data(), Workspace(gated_map_workspace(m)));
    m.product = product.data();
    gated_map(m, y.data(), Workspace(gated_map_workspace(m)));
    gated_map_grad(m, g, Workspace(gated_map_grad_workspace(m)));
  }
  return {y, alone, dx, dweight, dbias};
}

TEST(GatedMapKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, in, out] : std::vector<std::array<std::int64_t, 3>>{
           {1, 1, 1}, {5, 7, 3}, {49, 16, 64}, {150, 33, 71}, {7, 65, 130}, {300, 5, 17}})
    for (const bool all : {false, true}) {
      GatedMap m{};
      m.rows = rows, m.d_in = in, m.d_out = out;
      testing::expect_matches_reference([&](Form form) { return gated_map_results(m, all, form); }, 2e-5,
                                        std::to_string(m.rows) + " rows to " + std::to_string(m.d_out));
    }
}

TEST(DropoutKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const std::int64_t n : {1, 7, 16, 63, 32801})
    for (const double p : {0.0, 0.3, 0.999})
      for (const std::int64_t key : {std::int64_t{5}, (std::int64_t{9} << 40) + 3}) {
        const auto x = Random().numbers(n);
        const DropoutMask mask(p, key);
        const auto run = [&](Form form) -> Results {
          auto y = unwritten(n), in_place = x;
          if (form == Form::reference) {
            dropout_reference(x.data(), y.data(), n, mask, p);
            in_place = y;
          } else {
            dropout(x.data(), y.data(), n, mask);
            dropout(in_place.data(), in_place.data(), n, mask);
          }
          return {y, in_place};
        };
        testing::expect_matches_reference(run, 1e-7, std::to_string(n) + " numbers");
      }
}

TEST(RotaryKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, t, h, d] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 1, 2}, {2, 5, 3, 6}, {3, 70, 2, 16}, {2, 9, 1, 34}, {1, 130, 1, 66}, {1, 300, 2, 32}})
    for (const bool offset : {false, true})
      for (const bool half : {false, true})
        for (const bool backwards : {false, true}) {
          const auto n = b * t * h * d;
          const auto x = Random().numbers(n);
          std::vector<std::int64_t> offsets;
          for (std::int64_t row = 0; row < b; ++row) offsets.push_back(100 * row * row + 61 * row);
          const Rotary r{
              b,    t,        h, d, std::pow(1e4, -2.0 / static_cast<double>(d)), offset ? offsets.data() : nullptr,
              half, backwards};
          const auto run = [&](Form form) -> Results {
            auto y = unwritten(n);
            form == Form::reference ? rotary_reference(r, x.data(), y.data()) : rotary(r, x.data(), y.data());
            return {y};
          };
          testing::expect_matches_reference(run, 2e-6, std::to_string(r.t) + " steps of " + std::to_string(r.d));
        }
}

/// `c` with its sizes; its tensors are made here. all: with bias, history, SiLU and distances between rows and steps.
Results short_convolution_results(ShortConvolution<float> c, bool all, Form form) {
  Random random;
  c.step_stride = all ? c.d + 3 : c.d;
  c.row_stride = c.t * c.step_stride + (all ? 5 : 0);
  c.silu = all;
  // Exactly up to the last number that belongs to x.
  const auto x = random.numbers((c.b - 1) * c.row_stride + (c.t - 1) * c.step_stride + c.d);
  const auto weight = random.numbers(c.taps * c.d), bias = random.numbers(c.d);
  auto history = random.numbers(c.b * c.taps * c.d), dy = random.numbers(c.b * c.t * c.d);
  for (std::int64_t row = 0; row < c.b; ++row)  // the oldest input, which is not used
    std::fill_n(history.begin() + row * c.taps * c.d, c.d, std::numeric_limits<float>::quiet_NaN());
  c.x = x.data(), c.weight = weight.data();
  c.bias = all ? bias.data() : nullptr, c.history = all ? history.data() : nullptr;
  auto y = unwritten(c.b * c.t * c.d), dx = y, dweight = unwritten(c.taps * c.d), dbias = unwritten(c.d);
  auto dhistory = unwritten(c.b * c.taps * c.d);
  const Workspace workspace(short_convolution_grad_workspace(c));
  const ShortConvolutionGrad<float> g{dy.data(), dx.data(), dweight.data(), dbias.data(), dhistory.data(), workspace};
  if (form == Form::reference) {
    short_convolution_reference(c, y.data());
    short_convolution_grad_reference(c, g);
  } else {
    short_convolution(c, y.data());
    short_convolution_grad(c, g);
  }
  return {y, dx, dweight, dbias, dhistory};
}

TEST(ShortConvolutionKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, t, d] : std::vector<std::array<std::int64_t, 3>>{
           {1, 1, 1}, {2, 3, 5}, {3, 17, 16}, {2, 40, 33}, {1, 130, 129}, {2, 2, 300}})
    for (const std::int64_t taps : {1, 2, 3, 4, 5, 7})
      for (const bool all : {false, true}) {
        ShortConvolution<float> c{};
        c.b = b, c.t = t, c.d = d, c.taps = taps;
        testing::expect_matches_reference(
            [&](Form form) { return short_convolution_results(c, all, form); }, 1e-5,
            std::to_string(c.t) + " steps of " + std::to_string(c.d) + ", " + std::to_string(c.taps) + " taps");
      }
}

TEST(BilinearStepKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, h, n] :
       std::vector<std::array<std::int64_t, 3>>{{1, 1, 1}, {1, 33, 2}, {3, 7, 64}, {2, 150, 5}, {2, 65, 17}}) {
    Random random;
    const auto doubles = [&](std::int64_t count, double scale) {
      const auto x = random.numbers(count, scale);
      return std::vector<double>(x.begin(), x.end());
    };
    auto a = doubles(n * n, 1), b = doubles(n, 1), half = doubles(h, 0.2);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = i; j < n; ++j)
        a[i * n + j] = j > i ? std::numeric_limits<double>::quiet_NaN() : -0.5 - std::abs(a[i * n + i]);
    for (auto& s : half) s = std::abs(s);
    const auto x = random.numbers(rows * h * n), u = random.numbers(rows * h);
    const auto run = [&, rows = rows, h = h, n = n](Form form) -> Results {
      auto next = unwritten(rows * h * n), in_place = x;
      for (const bool apart : {true, false}) {
        auto& to = apart ? next : in_place;
        const BilinearStep<float> p{
            a.data(), b.data(), half.data(), apart ? x.data() : to.data(), u.data(), to.data(), rows, h, n};
        form == Form::reference ? bilinear_step_reference(p) : bilinear_step(p);
      }
      return {next, in_place};
    };
    testing::expect_matches_reference(run, 1e-6, std::to_string(n) + " states");
  }
}

}  // namespace
}  // namespace longwave::kernels
