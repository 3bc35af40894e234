#include "longwave/base/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace longwave {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (const auto colon = line.find(": "); colon != std::string::npos) return line.substr(colon + 2);
  return "";
}

std::vector<std::string> cpu_features() {
  std::vector<std::string> features;
#if defined(__x86_64__)
#define LONGWAVE_PROBE(name) \
  if (__builtin_cpu_supports(name)) features.push_back(name)
  LONGWAVE_PROBE("sse4.2");
  LONGWAVE_PROBE("avx2");
  LONGWAVE_PROBE("fma");
  LONGWAVE_PROBE("avx512f");
  LONGWAVE_PROBE("avx512dq");
  LONGWAVE_PROBE("avx512bw");
  LONGWAVE_PROBE("avx512vl");
  LONGWAVE_PROBE("avx512cd");
  LONGWAVE_PROBE("avx512bf16");
#undef LONGWAVE_PROBE
#elif defined(__aarch64__)
  features.push_back("neon");
#endif
  return features;
}

/// The folder of this process's cgroup in the unified (v2) hierarchy and all its parents: a limit may sit on any.
std::vector<std::string> cgroup_folders() {
  std::string path;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::")) path = line.substr(3);
  std::vector<std::string> folders = {"/sys/fs/cgroup"};
  for (std::size_t slash = path.find('/', 1); path.size() > 1; slash = path.find('/', slash + 1)) {
    folders.push_back("/sys/fs/cgroup" + path.substr(0, slash));
    if (slash == std::string::npos) break;
  }
  return folders;
}

int usable_cores() {
  cpu_set_t set;
  int cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  const auto limit = [&](int quota) {
    if (quota > 0) cores = std::min(cores, quota);
  };
  for (const auto& folder : cgroup_folders()) limit(detail::cores_of_quota(first_line(folder + "/cpu.max")));
  limit(detail::cores_of_quota(first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") + " " +
                               first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us")));  // cgroup v1
  return std::max(cores, 1);
}

std::int64_t usable_memory() {
  auto bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  const auto limit = [&](const std::string& path) {
    std::int64_t value = 0;
    if (std::istringstream(first_line(path)) >> value && value > 0) bytes = std::min(bytes, value);
  };
  for (const auto& folder : cgroup_folders()) limit(folder + "/memory.max");
  limit("/sys/fs/cgroup/memory/memory.limit_in_bytes");  // cgroup v1
  return bytes;
}

}  // namespace

bool Cpu::has(const std::string& feature) const {
  return std::find(features.begin(), features.end(), feature) != features.end();
}

bool Cpu::has_avx512() const {
  return has("avx512f") && has("avx512dq") && has("avx512bw") && has("avx512vl") && has("avx512cd");
}

Cpu detect_cpu() {
  return {cpu_model(), cpu_features(), usable_cores(), usable_memory(),
          std::max<std::int64_t>(sysconf(_SC_LEVEL2_CACHE_SIZE), 0)};
}

int detail::cores_of_quota(const std::string& line) {
  std::int64_t quota = 0, period = 0;
  if (!(std::istringstream(line) >> quota >> period) || quota <= 0 || period <= 0) return 0;
  return static_cast<int>((quota + period - 1) / period);
}

}  // namespace longwave
