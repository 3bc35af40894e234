#include "longwave/kernels/batch_norm.h"
#include "longwave/kernels/layer_norm.h"
#include "longwave/kernels/rms_norm.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

std::string shape(std::int64_t rows, std::int64_t width) {
  return std::to_string(rows) + " rows of " + std::to_string(width);
}

Results layer_norm_results(const LayerNorm& n, const Numbers& dy, const Numbers& dsum, Form form) {
  const auto size = n.rows * n.width;
  auto y = unwritten(size), sum = n.residual ? unwritten(size) : Numbers();
  auto ds = unwritten(size), dweight = unwritten(n.width), dbias = n.bias ? unwritten(n.width) : Numbers();
  const auto* extra = n.residual ? dsum.data() : nullptr;
  auto* to_bias = n.bias ? dbias.data() : nullptr;
  auto of_sum = n;
  if (form == Form::reference) {
    layer_norm_reference(n, y.data(), sum.data());
    if (n.residual) of_sum.x = sum.data();
    layer_norm_grad_reference(of_sum, dy.data(), extra, ds.data(), dweight.data(), to_bias);
  } else {
    layer_norm(n, y.data(), sum.data());
    if (n.residual) of_sum.x = sum.data();
    const Workspace workspace(layer_norm_grad_workspace(of_sum));
    layer_norm_grad(of_sum, dy.data(), extra, ds.data(), dweight.data(), to_bias, workspace);
  }
  return {y, sum, ds, dweight, dbias};
}

TEST(LayerNormKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, width] :
       std::vector<std::array<std::int64_t, 2>>{{1, 1}, {3, 7}, {2, 64}, {130, 33}, {5, 71}})
    for (const bool centered : {true, false})
      for (const bool all : {true, false}) {  // bias and residual
        Random random;
        const auto x = random.numbers(rows * width, 2, 1), residual = random.numbers(rows * width);
        const auto weight = random.numbers(width), bias = random.numbers(width);
        const auto dy = random.numbers(rows * width), dsum = random.numbers(rows * width);
        const LayerNorm n{
            x.data(), all ? residual.data() : nullptr, weight.data(), all ? bias.data() : nullptr, rows, width, 1e-5f,
            centered};
        testing::expect_matches_reference([&](Form form) { return layer_norm_results(n, dy, dsum, form); }, 1e-5,
                                          shape(rows, width) + (centered ? " centered" : "") + (all ? " all" : ""));
      }
}

Results rms_norm_results(const RmsNorm& r, const Numbers& dy, Form form) {
  const auto width = r.groups * r.width;
  auto y = unwritten(r.rows * width), dx = y, dw = unwritten(width);
  if (form == Form::reference) {
    rms_norm_reference(r, y.data());
    rms_norm_grad_reference(r, dy.data(), dx.data(), dw.data());
  } else {
    const Workspace workspace(rms_norm_grad_workspace(r));
    rms_norm(r, y.data());
    rms_norm_grad(r, dy.data(), dx.data(), dw.data(), workspace);
  }
  return {y, dx, dw};
}

TEST(RmsNormKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, groups, width] : std::vector<std::array<std::int64_t, 3>>{
           {1, 1, 1}, {3, 1, 7}, {5, 3, 8}, {4, 5, 16}, {130, 2, 33}, {2, 1, 70}}) {
    Random random;
    const auto x = random.numbers(rows * groups * width), w = random.numbers(groups * width);
    const auto dy = random.numbers(rows * groups * width);
    const RmsNorm r{x.data(), w.data(), rows, groups, width, 1e-3f};
    testing::expect_matches_reference([&](Form form) { return rms_norm_results(r, dy, form); }, 1e-5,
                                      shape(rows * groups, width));
  }
}

Results batch_norm_results(const BatchNorm& n, const Numbers& dy, Form form) {
  auto y = unwritten(n.rows * n.d), dx = y;
  auto mean = unwritten(n.d), variance = mean, dweight = mean, dbias = mean;
  if (form == Form::reference) {
    batch_norm_reference(n, y.data(), mean.data(), variance.data());
    batch_norm_grad_reference(n, mean.data(), variance.data(), dy.data(), dx.data(), dweight.data(), dbias.data());
  } else {
    const Workspace workspace(batch_norm_workspace(n));
    batch_norm(n, y.data(), mean.data(), variance.data(), workspace);
    batch_norm_grad(n, mean.data(), variance.data(), dy.data(), dx.data(), dweight.data(), dbias.data(), workspace);
  }
  return {y, mean, variance, dx, dweight, dbias};
}

TEST(BatchNormKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, d] : std::vector<std::array<std::int64_t, 2>>{{1, 1}, {7, 3}, {9, 64}, {150, 33}})
    for (const bool some : {false, true}) {
      Random random;
      const auto x = random.numbers(rows * d, 2, 1), weight = random.numbers(d), bias = random.numbers(d);
      const auto dy = random.numbers(rows * d);
      const auto counts = std::make_unique<bool[]>(rows);  // all but every third
      std::int64_t counted = 0;
      for (std::int64_t row = 0; row < rows; ++row) counted += counts[row] = row % 3 != 1;
      const BatchNorm n{
          x.data(), some ? counts.get() : nullptr, weight.data(), bias.data(), rows, some ? counted : rows, d, 1e-5f};
      testing::expect_matches_reference([&](Form form) { return batch_norm_results(n, dy, form); }, 2e-5,
                                        shape(rows, d) + (some ? ", some" : ""));
    }
}

}  // namespace
}  // namespace longwave::kernels
