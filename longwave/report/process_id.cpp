#include "longwave/report/process_id.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace longwave {
namespace {

/// Start of the process in clock ticks after the machine's start; "" if there is no such process.
std::string start_time(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(file, line)) return {};
  std::istringstream fields(line.substr(line.rfind(')') + 2));  // the name before it may hold anything
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return field;
}

/// Where process numbers mean the same: this start of this machine, in this process namespace.
const std::string& place() {
  static const std::string name = [] {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string boot;
    std::getline(file, boot);
    char space[64] = {};
    const auto length = ::readlink("/proc/self/ns/pid", space, sizeof space - 1);
    return boot + "/" + std::string(space, length > 0 ? static_cast<std::size_t>(length) : 0);
  }();
  return name;
}

}  // namespace

std::string process_identity() {
  const auto pid = std::to_string(::getpid());
  return place() + "/" + pid + "/" + start_time(pid);
}

Life process_life(const std::string& identity) {
  const auto prefix = place() + "/";
  if (identity.compare(0, prefix.size(), prefix) != 0) return Life::unknown;
  const auto rest = identity.substr(prefix.size());
  const auto slash = rest.find('/');
  if (slash == std::string::npos) return Life::unknown;
  const auto start = start_time(rest.substr(0, slash));
  return !start.empty() && start == rest.substr(slash + 1) ? Life::alive : Life::dead;
}

}  // namespace longwave
