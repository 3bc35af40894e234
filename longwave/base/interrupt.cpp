#include "longwave/base/interrupt.h"

#include <csignal>

#include "longwave/base/check.h"

namespace longwave {
namespace {

volatile std::sig_atomic_t requested_flag = 0;
int depth = 0;
struct sigaction old_int, old_term;

void note_request(int) { requested_flag = 1; }

}  // namespace

InterruptGuard::InterruptGuard() {
  if (depth++ > 0) return;
  requested_flag = 0;
  struct sigaction action {};
  action.sa_handler = note_request;
  action.sa_flags = SA_RESTART | SA_RESETHAND;  // writes go on; the second signal has its default effect
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
