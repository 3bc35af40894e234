#pragma once

// Fast kernels against their scalar definitions, without libtorch.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "tests/support/instruction_sets.h"

namespace longwave::testing {

using Numbers = std::vector<float>;
using Results = std::vector<Numbers>;

class Random {
 public:
  /// Normally distributed around `centre`.
  Numbers numbers(std::int64_t n, double scale = 1, double centre = 0) {
    std::normal_distribution<double> normal(centre, scale);
    Numbers x(static_cast<std::size_t>(n));
    for (auto& value : x) value = static_cast<float>(normal(engine_));
    return x;
  }
  std::int64_t below(std::int64_t n) { return std::uniform_int_distribution<std::int64_t>(0, n - 1)(engine_); }

 private:
  std::mt19937 engine_{3};
};

/// A result before it is written: NaN, so that what a kernel leaves out shows.
inline Numbers unwritten(std::int64_t n) {
  return Numbers(static_cast<std::size_t>(n), std::numeric_limits<float>::quiet_NaN());
}

/// Lengths of rows of up to t steps: a whole one, an empty one and others.
inline std::vector<std::int64_t> some_lengths(std::int64_t rows, std::int64_t t) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t row = 0; row < rows; ++row)
    lengths.push_back(row == 0 ? t : row == 1 ? 0 : (t + 1) * row / (row + 2));
  return lengths;
}

/// x [rows, t, ..] with NaN beyond the length of each row, which no kernel may read.
inline Numbers ending_at(const std::vector<std::int64_t>& lengths, std::int64_t t, Numbers x) {
  const auto width = static_cast<std::int64_t>(x.size() / lengths.size()) / t;
  for (std::size_t row = 0; row < lengths.size(); ++row) {
    const auto begin = x.begin() + static_cast<std::int64_t>(row) * t * width;
    std::fill(begin + lengths[row] * width, begin + t * width, std::numeric_limits<float>::quiet_NaN());
  }
  return x;
}

/// Scratch memory of exactly n floats, 64-byte aligned.
class Workspace {
 public:
  explicit Workspace(std::int64_t n)
      : data_(static_cast<float*>(::operator new(static_cast<std::size_t>(n) * sizeof(float), kAlignment))) {
    std::fill_n(data_.get(), n, std::numeric_limits<float>::quiet_NaN());
  }
  operator float*() const { return data_.get(); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(float* x) const { ::operator delete(x, kAlignment); }
  };
  std::unique_ptr<float, Delete> data_;
};

/// The sum of all parts of a result that a kernel gives in such.
inline Numbers sum_of_parts(const Numbers& parts, std::int64_t count) {
  const auto n = parts.size() / static_cast<std::size_t>(count);
  Numbers sum(n);
  for (std::size_t i = 0; i < parts.size(); ++i) sum[i % n] += parts[i];
  return sum;
}

/// Within tolerance * max(1, largest expected number), each result by itself.
inline void expect_close(const Results& actual, const Results& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t r = 0; r < actual.size(); ++r) {
    ASSERT_EQ(actual[r].size(), expected[r].size()) << what << ", result " << r;
    double largest = 1;
    for (const double x : expected[r]) largest = std::max(largest, std::abs(x));
    for (std::size_t i = 0; i < actual[r].size(); ++i)
      ASSERT_NEAR(actual[r][i], expected[r][i], tolerance * largest) << what << ", result " << r << ", number " << i;
  }
}

enum class Form { fast, reference };

/// The results of the fast form on every instruction set against those of the reference.
inline void expect_matches_reference(const std::function<Results(Form)>& run, double tolerance,
                                     const std::string& what) {
  const auto expected = run(Form::reference);
  for_every_instruction_set(
      [&](const std::string& name) { expect_close(run(Form::fast), expected, tolerance, name + " " + what); });
}

}  // namespace longwave::testing
