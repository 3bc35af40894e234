#include "longwave/kernels/adamw.h"
#include "longwave/kernels/cross_entropy.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;

Results cross_entropy_results(const CrossEntropy& c, const Numbers& logits, const Numbers& dloss, Form form) {
  auto loss = unwritten(c.rows), lse = loss, gradient = logits;
  if (form == Form::reference) {
    cross_entropy_reference(c, logits.data(), loss.data(), lse.data());
    cross_entropy_grad_reference(c, lse.data(), dloss.data(), gradient.data());
  } else {
    cross_entropy(c, logits.data(), loss.data(), lse.data());
    cross_entropy_grad(c, lse.data(), dloss.data(), gradient.data());
  }
  return {loss, lse, gradient};
}

TEST(CrossEntropyKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, classes] : std::vector<std::array<std::int64_t, 2>>{{1, 1}, {5, 3}, {7, 64}, {40, 517}})
    for (const double level : {0.0, 500.0}) {  // the larger one: exponentials overflow
      Random random;
      const auto logits = random.numbers(rows * classes, 3, level), dloss = random.numbers(rows);
      std::vector<std::int64_t> targets;
      for (std::int64_t row = 0; row < rows; ++row) targets.push_back(row % 4 == 3 ? -100 : random.below(classes));
      const CrossEntropy c{targets.data(), rows, classes, -100};
      testing::expect_matches_reference([&](Form form) { return cross_entropy_results(c, logits, dloss, form); },
                                        level > 0 ? 1e-4 : 1e-5, std::to_string(classes) + " classes");
    }
}

TEST(CrossEntropyKernel, GradientsOfTheSumAndSumsOverRowsMatchTheReference) {
  for (const auto& [rows, classes] : std::vector<std::array<std::int64_t, 2>>{{1, 1}, {5, 3}, {40, 517}, {9, 1030}}) {
    Random random;
    const auto logits = random.numbers(rows * classes, 3);
    std::vector<std::int64_t> targets;
    for (std::int64_t row = 0; row < rows; ++row) targets.push_back(row % 4 == 3 ? -100 : random.below(classes));
    const CrossEntropy c{targets.data(), rows, classes, -100};
    const auto start = random.numbers(classes);
    const auto results = [&](Form form) {
      auto found = cross_entropy_results(c, logits, Numbers(static_cast<std::size_t>(rows), 1), form);
      if (form != Form::reference) {
        found = {unwritten(rows), unwritten(rows), logits};
        cross_entropy_sum_grad(c, found[2].data(), found[0].data(), found[1].data());
      }
      auto sums = start;
      if (form == Form::reference)
        for (std::int64_t i = 0; i < rows * classes; ++i)
          sums[static_cast<std::size_t>(i % classes)] += found[2][static_cast<std::size_t>(i)];
      else
        add_sums_over_rows(found[2].data(), rows, classes, sums.data());
      found.push_back(sums);
      return found;
    };
    testing::expect_matches_reference(results, 1e-5, std::to_string(classes) + " classes");
  }
}

TEST(AdamWKernel, MatchesTheReferenceOnEveryInstructionSet) {
  const std::vector<std::int64_t> sizes{1, 37, 0, 20011};
  const auto run = [&](Form form) {
    Random random;
    Results all;
    for (const auto n : sizes) {
      all.push_back(random.numbers(n)), all.push_back(random.numbers(n)), all.push_back(random.numbers(n));
      auto squares = random.numbers(n);
      for (auto& x : squares) x *= x;
      all.push_back(squares);
    }
    std::vector<AdamWPart> parts;
    for (std::size_t i = 0; i < sizes.size(); ++i)
      parts.push_back(
          {all[4 * i].data(), all[4 * i + 1].data(), all[4 * i + 2].data(), all[4 * i + 3].data(), sizes[i]});
    const AdamWScalars s{0.95f, 0.9f, 0.99f, 0.3f, 1.4f, 1e-3f, 0.7f};
    const bool reference = form == Form::reference;
    const double squares = reference ? sum_of_squares_reference(parts) : sum_of_squares(parts);
    reference ? adamw_reference(parts, s) : adamw(parts, s);
    all.push_back({static_cast<float>(squares)});
    return all;
  };
  testing::expect_matches_reference(run, 2e-6, "four tensors");
}

}  // namespace
}  // namespace longwave::kernels
