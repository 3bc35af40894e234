#pragma once

#include <cstdint>
#include <string_view>

namespace longwave {

/// Reads a decimal number at `at` and moves `at` past it. Returns false, `at` unmoved, if there is none or it is not
/// finite. The text must end with a byte that cannot belong to a number ('\0' will do). `decimal` is accepted beside
/// '.'.
bool scan_number(const char*& at, char decimal, double& value);

/// Whether the whole text is such a number.
bool is_number(std::string_view text, char decimal);

/// Whether the text stands for a missing value: empty, NA, N/A, #N/A, NaN, null, none, ?, -  (in any case).
bool is_missing(std::string_view text);

}  // namespace longwave
