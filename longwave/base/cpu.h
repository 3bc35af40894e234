#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace longwave {

/// What the machine offers to this process.
struct Cpu {
  std::string model;                  // "Intel(R) Xeon(R) ...", "" if unknown
  std::vector<std::string> features;  // the instruction sets that matter here: "avx2", "fma", "avx512f", ...
  int cores = 1;                      // that this process may use: affinity and cgroup quota, at least 1
  std::int64_t memory_bytes = 0;      // that this process may use: physical memory or the cgroup's limit
  std::int64_t l2_bytes = 0;          // of one core, 0 if unknown

  bool has(const std::string& feature) const;
  /// The subset for which OpenBLAS's SkylakeX kernels and ATen's AVX-512 kernels were written.
  bool has_avx512() const;
};

Cpu detect_cpu();

namespace detail {
/// Whole cores of a cgroup v2 "quota period" line ("150000 100000" -> 2; "max 100000" -> 0, no limit).
int cores_of_quota(const std::string& line);
}  // namespace detail

}  // namespace longwave
