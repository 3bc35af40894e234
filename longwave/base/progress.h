#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace longwave {

/// "2:05", "1:02:05"
std::string duration_text(double seconds);

/// One line of progress at most `width` columns wide: what, share done, rate, time left, and as much of `detail` as
/// still fits.
std::string progress_text(const std::string& what, std::int64_t done, std::int64_t total, double per_second,
                          const std::string& detail, int width);

/// Progress of long work: on a terminal one line that is rewritten in place, elsewhere plain lines now and then.
class Progress {
 public:
  /// `plain_seconds`: time between plain lines where `out` is not a terminal.
  explicit Progress(std::FILE* out, double plain_seconds = 30);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// The work is at `done` of `total` units. Cheap to call often: it writes at most ten times a second.
  void update(const std::string& what, std::int64_t done, std::int64_t total, const std::string& detail);

  /// A line that stays.
  void line(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  void clear();
  double rate(const std::string& what, std::int64_t done, Clock::time_point now);

  std::FILE* out_;
  bool terminal_, dirty_ = false;
  double plain_seconds_;
  Clock::time_point last_, since_;
  std::string what_;
  std::int64_t first_ = 0;
};

}  // namespace longwave
