#pragma once

#include <functional>
#include <string>

#include "longwave/base/check.h"

namespace longwave::testing {

/// The line of the UserError that `action` throws; "accepted" if it throws none.
inline std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace longwave::testing
