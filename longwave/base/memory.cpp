#include "longwave/base/memory.h"

#include <malloc.h>
#include <sys/resource.h>

#include <cstddef>
#include <fstream>

// Of jemalloc, where the process has it. Declared here since a library must not need it.
extern "C" {
__attribute__((weak)) int mallctl(const char* name, void* old, std::size_t* old_size, void* now, std::size_t now_size);
}

namespace longwave {

void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

double peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kilobytes = 0; word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

std::string malloc_name() {
  const char* version = nullptr;
  auto size = sizeof version;
  if (!mallctl || mallctl("version", &version, &size, nullptr, 0) != 0) return "of the C library";
  const std::string number = version;  // 5.3.0-0-g54eaed1d8b56
  const char* pages = "";
  size = sizeof pages;
  const bool huge = mallctl("opt.thp", &pages, &size, nullptr, 0) == 0 && std::string(pages) == "always";
  return "jemalloc " + number.substr(0, number.find('-')) + (huge ? ", huge pages" : "");
}

void release_memory() {
  constexpr const char* kAllArenas = "arena.4096.purge";
  if (!mallctl || mallctl(kAllArenas, nullptr, nullptr, nullptr, 0) != 0) malloc_trim(0);
}

}  // namespace longwave
