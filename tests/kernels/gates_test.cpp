#include "longwave/kernels/gated_activation.h"
#include "longwave/kernels/gated_linear_unit.h"
#include "longwave/kernels/minimal_gates.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

using Shapes = std::vector<std::array<std::int64_t, 2>>;  // rows and width
const Shapes shapes{{1, 1}, {3, 7}, {2, 64}, {150, 33}, {5, 71}};

std::string name(std::int64_t rows, std::int64_t width) {
  return std::to_string(rows) + " rows of " + std::to_string(width);
}

Results gated_activation_results(const GatedActivation& g, const Numbers& dy, Form form) {
  auto y = unwritten(g.rows * g.width), dx = y, dup = g.up ? y : Numbers();
  auto dbias = g.bias ? unwritten(g.width) : Numbers();
  if (form == Form::reference) {
    gated_activation_reference(g, y.data());
    gated_activation_grad_reference(g, dy.data(), dx.data(), dbias.data(), dup.data());
  } else {
    gated_activation(g, y.data());
    gated_activation_grad(g, dy.data(), dx.data(), dbias.data(), dup.data(),
                          Workspace(gated_activation_grad_workspace(g)));
  }
  return {y, dx, dbias, dup};
}

TEST(GatedActivationKernel, MatchesTheReferenceOnEveryInstructionSet) {
  using enum HiddenFunction;
  for (const auto function : {gelu, relu, silu, sigmoid, identity})
    for (const auto& [rows, width] : shapes)
      for (const bool all : {true, false}) {  // bias, up and a distance of rows
        Random random;
        const auto stride = all ? width + 3 : width;
        const auto x = random.numbers(rows * stride, 2), bias = random.numbers(width),
                   up = random.numbers(rows * width);
        const auto dy = random.numbers(rows * width);
        const GatedActivation g{x.data(), all ? bias.data() : nullptr, all ? up.data() : nullptr, rows, width, stride,
                                function};
        testing::expect_matches_reference(
            [&](Form form) { return gated_activation_results(g, dy, form); }, 1e-5,
            name(rows, width) + ", function " + std::to_string(static_cast<std::int64_t>(function)));
      }
}

Results gated_linear_unit_results(const GatedLinearUnit& g, const Numbers& dy, Form form) {
  auto y = unwritten(g.rows * g.d), dx = unwritten(g.rows * 2 * g.d);
  auto dbias = g.bias ? unwritten(2 * g.d) : Numbers();
  if (form == Form::reference) {
    gated_linear_unit_reference(g, y.data());
    gated_linear_unit_grad_reference(g, dy.data(), dx.data(), dbias.data());
  } else {
    gated_linear_unit(g, y.data());
    gated_linear_unit_grad(g, dy.data(), dx.data(), dbias.data(), Workspace(gated_linear_unit_grad_workspace(g)));
  }
  return {y, dx, dbias};
}

TEST(GatedLinearUnitKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, d] : shapes)
    for (const bool biased : {true, false}) {
      Random random;
      const auto x = random.numbers(rows * 2 * d, 2), bias = random.numbers(2 * d), dy = random.numbers(rows * d);
      const GatedLinearUnit g{x.data(), biased ? bias.data() : nullptr, rows, d};
      testing::expect_matches_reference([&](Form form) { return gated_linear_unit_results(g, dy, form); }, 1e-5,
                                        name(rows, d));
    }
}

Results minimal_gates_results(const MinimalGates& m, const Numbers& dkeep, const Numbers& dinput, Form form) {
  auto keep = unwritten(m.rows * m.width), input = keep, dmaps = unwritten(m.rows * (m.lstm ? 3 : 2) * m.width);
  if (form == Form::reference) {
    minimal_gates_reference(m, keep.data(), input.data());
    minimal_gates_grad_reference(m, dkeep.data(), dinput.data(), dmaps.data());
  } else {
    minimal_gates(m, keep.data(), input.data());
    minimal_gates_grad(m, dkeep.data(), dinput.data(), dmaps.data());
  }
  return {keep, input, dmaps};
}

TEST(MinimalGatesKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const bool lstm : {false, true})
    for (const auto& [rows, width] : shapes)
      for (const double size : {2.0, 40.0}) {  // the larger one: gates that are all but closed
        Random random;
        const auto maps = random.numbers(rows * (lstm ? 3 : 2) * width, size);
        const auto dkeep = random.numbers(rows * width), dinput = random.numbers(rows * width);
        const auto valid = std::make_unique<bool[]>(rows);
        for (std::int64_t row = 0; row < rows; ++row) valid[row] = row % 3 != 2;
        for (const bool* given : {static_cast<const bool*>(nullptr), static_cast<const bool*>(valid.get())}) {
          const MinimalGates m{maps.data(), given, rows, width, lstm};
          testing::expect_matches_reference([&](Form form) { return minimal_gates_results(m, dkeep, dinput, form); },
                                            1e-5, name(rows, width) + (lstm ? ", lstm" : ", gru"));
        }
      }
}

}  // namespace
}  // namespace longwave::kernels
