#include "longwave/cli/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>

namespace longwave {
namespace {

/// Kernels of OpenBLAS that leave half of a CPU with AVX2, or with AVX-512, unused.
const std::vector<std::string> kBelowAvx2 = {"Prescott", "Generic", "Core2", "Penryn", "Nehalem", "Sandybridge"};
const std::vector<std::string> kBelowAvx512 = {"Prescott", "Generic",     "Core2",   "Penryn",
                                               "Nehalem",  "Sandybridge", "Haswell", "Zen"};

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
  if (report["variables"].contains("OPENBLAS_CORETYPE")) {
    const bool wants_avx512 = report["variables"]["OPENBLAS_CORETYPE"]["preferred"] == "SkylakeX";
    const auto& slower = wants_avx512 ? kBelowAvx512 : kBelowAvx2;
    if (std::find(slower.begin(), slower.end(), core) != slower.end())
      return fmt::format("OpenBLAS runs its {} kernels, made for older CPUs than this one; {}", core,
                         remedy(report, "OPENBLAS_CORETYPE"));
  }
  return "";
}

std::string aten_problem(const Json& report) {
  const auto capability = report["aten_capability"].get<std::string>();
  if (!report["variables"].contains("ATEN_CPU_CAPABILITY") || capability == "AVX512" || capability == "unknown")
    return "";
  return fmt::format("libtorch's elementwise kernels run as {} although the CPU has AVX-512; {}", capability,
                     remedy(report, "ATEN_CPU_CAPABILITY"));
}

std::string thread_problem(const Json& report) {
  const auto& variable = report["variables"]["OMP_NUM_THREADS"];
  const auto value = variable["value"].get<std::string>();
  if (variable["set_by"] == "user" && value.find_first_not_of("0123456789, ") != std::string::npos)
    return fmt::format("OMP_NUM_THREADS is '{}', no number of threads, and has no effect; {}", value,
                       remedy(report, "OMP_NUM_THREADS"));
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
