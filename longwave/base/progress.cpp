#include "longwave/base/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace longwave {
namespace {

int columns(std::FILE* out) {
  winsize size{};
  return ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double seconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

std::string rate_text(double per_second) {
  return per_second >= 1 ? fmt::format("{:.1f}/s", per_second) : fmt::format("{:.1f} s each", 1 / per_second);
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string progress_text(const std::string& what, std::int64_t done, std::int64_t total, double per_second,
                          const std::string& detail, int width) {
  std::string text = what;
  const auto add = [&](const std::string& part) {
    if (!part.empty() && text.size() + 2 + part.size() <= static_cast<std::size_t>(width)) text += "  " + part;
  };
  add(total > 0 ? fmt::format("{:3.0f} %", 100.0 * static_cast<double>(done) / static_cast<double>(total)) : "");
  if (per_second > 0) add(duration_text(static_cast<double>(total - done) / per_second) + " left");
  add(detail);
  if (per_second > 0) add(rate_text(per_second));
  return text.substr(0, static_cast<std::size_t>(width));
}

Progress::Progress(std::FILE* out, double plain_seconds)
    : out_(out), terminal_(::isatty(::fileno(out)) == 1), plain_seconds_(plain_seconds), last_(Clock::now()) {}

double Progress::rate(const std::string& what, std::int64_t done, Clock::time_point now) {
  if (what != what_ || done < first_) {
    what_ = what;
    first_ = done;
    since_ = now;
  }
  const auto seconds = seconds_between(since_, now);
  return done > first_ && seconds > 0 ? static_cast<double>(done - first_) / seconds : 0;
}

void Progress::update(const std::string& what, std::int64_t done, std::int64_t total, const std::string& detail) {
  const auto now = Clock::now();
  const auto per_second = rate(what, done, now);
  if (seconds_between(last_, now) < (terminal_ ? 0.1 : plain_seconds_)) return;
  last_ = now;
  if (terminal_) {
    std::fprintf(out_, "\r\033[K%s", progress_text(what, done, total, per_second, detail, columns(out_) - 1).c_str());
    dirty_ = true;
  } else {
    std::fprintf(out_, "%s\n", progress_text(what, done, total, per_second, detail, 120).c_str());
  }
  std::fflush(out_);
}

void Progress::line(const std::string& text) {
  clear();
  std::fprintf(out_, "%s\n", text.c_str());
  std::fflush(out_);
}

void Progress::clear() {
  if (!dirty_) return;
  std::fputs("\r\033[K", out_);
  std::fflush(out_);
  dirty_ = false;
}

}  // namespace longwave
