#pragma once

#include <sstream>
#include <stdexcept>

namespace longwave {

/// The caller's mistake, in one line: what was wrong, where, what was expected, how to mend it.
/// The program prints it and exits with 2.
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The user asked to stop (Ctrl-C, SIGTERM). Work is saved by whoever throws it; the program exits with 130.
struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws UserError with the concatenated parts.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw UserError(text.str());
}

/// Throws UserError with the concatenated parts unless `ok`.
template <class... Parts>
void check(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(parts...);
}

}  // namespace longwave
