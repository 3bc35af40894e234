#pragma once

#include <cmath>

#include "longwave/base/check.h"

namespace longwave::ops {

/// Checks a number that an operator takes under this name: a NaN would go through every output unnoticed.
inline void check_finite(const char* op, const char* name, double x) {
  check(std::isfinite(x), op, ": ", name, " is ", x, "; expected a finite number");
}

/// The same of one that must not be negative, as the eps of a norm, whose root would be none.
inline void check_not_negative(const char* op, const char* name, double x) {
  check(std::isfinite(x) && x >= 0, op, ": ", name, " is ", x, "; expected a number, 0 or more");
}

}  // namespace longwave::ops
