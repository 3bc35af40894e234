#include "longwave/cli/cell_process.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <iterator>
#include <new>

#include "longwave/base/interrupt.h"
#include "longwave/train/cell_run.h"

namespace longwave {
namespace {

constexpr int kInterrupted = 130;  // exit code of the program
constexpr const char* kNoMemory = "not enough memory";

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { check(::pipe(ends) == 0, "cannot start a process for the cell: ", std::strerror(errno)); }
  ~Pipe() {
    close(0);
    close(1);
  }
  void close(int end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
};

/// Holds back SIGINT and SIGTERM, so that a child never catches them with its parent's handler and forgets them.
class SignalBlock {
 public:
  SignalBlock() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, &before_);
  }
  ~SignalBlock() { restore(); }
  void restore() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

pid_t start_child(Pipe& in, Pipe& out) {
  SignalBlock block;
  const pid_t parent = ::getpid(), pid = ::fork();
  check(pid >= 0, "cannot start a process for the cell: ", std::strerror(errno));
  if (pid > 0) return pid;
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  block.restore();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before the line above
  ::dup2(in.ends[0], 0);
  ::dup2(out.ends[1], 1);
  for (const int handle : {in.ends[0], in.ends[1], out.ends[0], out.ends[1]}) ::close(handle);
  ::execl("/proc/self/exe", "longwave", "compare", "--cell", static_cast<char*>(nullptr));
  ::_exit(127);
}

void send(int handle, const std::string& text) {
  for (std::size_t sent = 0; sent < text.size();) {
    const auto n = ::write(handle, text.data() + sent, text.size() - sent);
    if (n < 0 && errno != EINTR) return;  // the child is gone; its status says why
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
}

/// Everything the child writes until it ends.
std::string receive(int handle, pid_t child) {
  std::string text;
  char buffer[65536];
  for (bool told = false;;) {
    if (InterruptGuard::requested() && !std::exchange(told, true)) ::kill(child, SIGTERM);
    pollfd waiting{handle, POLLIN, 0};
    if (::poll(&waiting, 1, 200) <= 0) continue;
    const auto n = ::read(handle, buffer, sizeof buffer);
    if (n == 0) return text;
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
  }
}

CellOutcome failure(const std::string& reason) {
  return {.ok = false, .stopped = false, .result = {}, .error = reason};
}

CellOutcome outcome_of(int status, const std::string& text) {
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (signal == SIGTERM || signal == SIGINT || (signal == 0 && WEXITSTATUS(status) == kInterrupted))
    return {.ok = false, .stopped = true, .result = {}, .error = "its process was told to end; not stored"};
  if (signal != 0)
    return failure(fmt::format("its process was ended by signal {} ({}){}", signal, ::strsignal(signal),
                               signal == SIGKILL ? "; perhaps the machine ran out of memory" : ""));
  const auto json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object())
    return failure(fmt::format("its process ended with exit code {} and no result", WEXITSTATUS(status)));
  if (json.contains("error")) return failure(json["error"].get<std::string>());
  return {.ok = true, .stopped = false, .result = cell_result_from_json(json), .error = {}};
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Json outcome_json() {
  try {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    const auto job = Json::parse(text, nullptr, false);
    check(job.is_object() && job.contains("recipe"), "--cell: expected a cell on standard input");
    return to_json(run_cell(recipe_from_json(job["recipe"], "cell"), job.value("data", "")));
  } catch (const Interrupted&) {
    throw;
  } catch (const std::bad_alloc&) {
    return {{"error", kNoMemory}};
  } catch (const c10::Error& error) {
    const auto line = first_line(error.what_without_backtrace());
    return {{"error", line.find("can't allocate memory") == std::string::npos ? line : kNoMemory}};
  } catch (const std::exception& error) {
    return {{"error", first_line(error.what())}};
  }
}

}  // namespace

CellOutcome run_cell_process(const Recipe& recipe, const std::filesystem::path& data) {
  const InterruptGuard guard;
  ::signal(SIGPIPE, SIG_IGN);
  Pipe in, out;
  const auto child = start_child(in, out);
  in.close(0);
  out.close(1);
  send(in.ends[1], Json{{"recipe", recipe_json(recipe)}, {"data", data.string()}}.dump());
  in.close(1);
  const auto text = receive(out.ends[0], child);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (InterruptGuard::requested())
    throw Interrupted("interrupted; finished cells are stored, run it again to continue");
  return outcome_of(status, text);
}

void serve_cell_process() {
  const auto text = outcome_json().dump();
  std::cout << text << std::endl;
}

}  // namespace longwave
