#include "longwave/base/interrupt.h"

#include <csignal>
#include <cstdint>
#include <ctime>

#include "longwave/base/check.h"

namespace longwave {
namespace {

volatile std::sig_atomic_t requested_flag = 0;
int depth = 0;
struct sigaction old_int, old_term;

/// What stops a program may send its signal twice, to the process and to its group, as timeout(1) does: one request.
constexpr std::int64_t kOneRequest = 1'000'000'000;  // nanoseconds
volatile std::int64_t first_request = 0;

void note_request(int signal) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto at = now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
  if (!requested_flag) {
    first_request = at;
    requested_flag = 1;
  } else if (at - first_request > kOneRequest) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);  // held back until this handler returns
  }
}

}  // namespace

InterruptGuard::InterruptGuard() {
  if (depth++ > 0) return;
  requested_flag = 0;
  struct sigaction action {};
  action.sa_handler = note_request;
  action.sa_flags = SA_RESTART;  // writes go on
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &old_int);
  sigaction(SIGTERM, &action, &old_term);
}

InterruptGuard::~InterruptGuard() {
  if (--depth > 0) return;
  sigaction(SIGINT, &old_int, nullptr);
  sigaction(SIGTERM, &old_term, nullptr);
}

bool InterruptGuard::requested() { return depth > 0 && requested_flag != 0; }

void InterruptGuard::stop_if_requested() {
  if (requested()) throw Interrupted("interrupted");
}

}  // namespace longwave
