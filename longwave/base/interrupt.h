#pragma once

namespace longwave {

/// While one of these lives, Ctrl-C (SIGINT) and SIGTERM only set a flag, so that work can be saved at a good moment.
/// A signal more than a second after the first ends the program at once. May be nested; the outermost one restores the
/// old handlers.
class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();

  /// Has the user asked to stop since the outermost guard was made? Without a guard, never.
  static bool requested();

  /// Throws Interrupted if so: for loops without anything to save.
  static void stop_if_requested();
};

}  // namespace longwave
