#include "longwave/cli/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>

namespace longwave {
namespace {

bool contains(const Json& list, const char* word) { return std::find(list.begin(), list.end(), word) != list.end(); }

/// "unset X" if the user chose the value, "set X=..." if nobody did.
std::string remedy(const Json& report, const char* variable) {
  const auto& entry = report["variables"][variable];
  return entry["set_by"] == "user" ? fmt::format("unset {}", variable)
                                   : fmt::format("set {}={}", variable, entry["preferred"].get<std::string>());
}

std::string blas_problem(const Json& report) {
  const auto file = report["blas_file"].get<std::string>(), core = report["blas_core"].get<std::string>();
  if (file.find("mkl") != std::string::npos) return "";
  if (core.empty())
    return fmt::format(
        "the matrix library is {}, not OpenBLAS: matrix products are many times slower than they could be; "
        "install libopenblas0-openmp",
        file.empty() ? "unknown" : file);
  const bool fast = core != "Prescott" && core != "Generic" && core != "Core2" && core != "Nehalem" && core != "Penryn";
  if (fast || !contains(report["features"], "avx2")) return "";
  return fmt::format("OpenBLAS runs its {} kernels, made for much older CPUs; {}", core,
                     remedy(report, "OPENBLAS_CORETYPE"));
}

std::string aten_problem(const Json& report) {
  const auto capability = report["aten_capability"].get<std::string>();
  if (!report["variables"].contains("ATEN_CPU_CAPABILITY") || capability == "AVX512" || capability == "unknown")
    return "";
  return fmt::format("libtorch's elementwise kernels run as {} although the CPU has AVX-512; {}", capability,
                     remedy(report, "ATEN_CPU_CAPABILITY"));
}

std::string thread_problem(const Json& report) {
  const int cores = report["cores"].get<int>(), threads = report["aten_threads"].get<int>();
  if (threads == cores) return "";
  return fmt::format("{} thread{} on {} usable cores; {}", threads, threads == 1 ? "" : "s", cores,
                     remedy(report, "OMP_NUM_THREADS"));
}

}  // namespace

std::vector<std::string> diagnose(const Json& report) {
  std::vector<std::string> problems;
  for (const auto& problem : {blas_problem(report), aten_problem(report), thread_problem(report)})
    if (!problem.empty()) problems.push_back(problem);
  return problems;
}

}  // namespace longwave
