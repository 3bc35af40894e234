#include "longwave/base/policy.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <limits>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "longwave/base/memory.h"

namespace longwave {
namespace {

/// Names set here, so that the loaded library can tell the policy's values from the user's.
constexpr const char* kSetByPolicy = "LONGWAVE_POLICY";

/// Turns that a thread waits awake for the others. On idle cores steps take as long as with libgomp's own number, 60
/// times as many; beside three busy processes a small step took 8 ms instead of 33.
constexpr const char* kSpins = "5000";

/// Numbers too small for a normal exponent cost a hundred times as much as others, and gradients that decay over a long
/// sequence are such numbers after a few hundred steps: a step of training took 2.4 times as long with them.
void flush_denormals() {
#ifdef __SSE2__
  constexpr unsigned kFlushResults = 0x8000, kFlushOperands = 0x0040;
  _mm_setcsr(_mm_getcsr() | kFlushResults | kFlushOperands);
#elif defined(__aarch64__)
  constexpr std::uint64_t kFlush = 1 << 24;
  std::uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" : : "r"(control | kFlush));
#endif
}

bool flushes_denormals() {
  volatile float smallest = std::numeric_limits<float>::min();
  return smallest * 0.5f == 0.0f;
}

std::string environment(const std::string& name) {
  const auto* value = std::getenv(name.c_str());
  return value ? value : "";
}

}  // namespace

std::map<std::string, std::string> preferred_environment(const Cpu& cpu) {
  std::map<std::string, std::string> wanted = {{"OMP_NUM_THREADS", std::to_string(cpu.cores)}};
  if (environment("OMP_WAIT_POLICY").empty()) wanted["GOMP_SPINCOUNT"] = kSpins;
  if (cpu.has_avx512()) {
    wanted["OPENBLAS_CORETYPE"] = "SkylakeX";
    wanted["ATEN_CPU_CAPABILITY"] = "avx512";
  } else if (cpu.has("avx2") && cpu.has("fma")) {
    wanted["OPENBLAS_CORETYPE"] = "Haswell";
  }
  return wanted;
}

void apply_process_policy(const Cpu& cpu) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit of file size is then an error of the write, told in a line
  flush_denormals();
  std::vector<std::string> set;  // those of a parent's policy stay the policy's
  if (const auto inherited = environment(kSetByPolicy); !inherited.empty()) set.push_back(inherited);
  for (const auto& [name, value] : preferred_environment(cpu))
    if (environment(name).empty()) {
      setenv(name.c_str(), value.c_str(), 1);
      set.push_back(name);
    }
  setenv(kSetByPolicy, join(set, ",").c_str(), 1);
}

int compute_threads(const Cpu& cpu) {
  const int wanted = std::atoi(environment("OMP_NUM_THREADS").c_str());
  return wanted > 0 ? wanted : cpu.cores;
}

Json machine_report(const Cpu& cpu) {
  const auto by_policy = "," + environment(kSetByPolicy) + ",";
  Json variables = Json::object();
  for (const auto& [name, value] : preferred_environment(cpu)) {
    const bool ours = by_policy.find("," + name + ",") != std::string::npos;
    const bool set = !environment(name).empty();
    variables[name] = {{"value", environment(name)},
                       {"preferred", value},
                       {"set_by", ours  ? "policy"
                                  : set ? "user"
                                        : "nobody"}};
  }
  return {{"cpu", cpu.model},         {"features", cpu.features},
          {"cores", cpu.cores},       {"memory_bytes", cpu.memory_bytes},
          {"l2_bytes", cpu.l2_bytes}, {"threads", compute_threads(cpu)},
          {"malloc", malloc_name()},  {"denormals", flushes_denormals() ? "flushed to zero" : "kept"},
          {"variables", variables}};
}

}  // namespace longwave
