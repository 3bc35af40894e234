#include "longwave/nn/environment.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <hwy/highway.h>
#include <torch/version.h>

#include <filesystem>

#include "longwave/base/policy.h"
#include "longwave/ops/matrix_products.h"

namespace longwave {
namespace {

/// ATen prints its instruction set; there is no function for it that all versions of libtorch have.
std::string aten_capability() {
  const auto text = at::show_config();
  const std::string key = "CPU capability usage: ";
  const auto begin = text.find(key);
  if (begin == std::string::npos) return "unknown";
  return text.substr(begin + key.size(), text.find('\n', begin) - begin - key.size());
}

/// The file that the BLAS in use was loaded from.
std::string blas_file() {
  Dl_info info;
  void* product = dlsym(RTLD_DEFAULT, "openblas_get_corename");  // OpenBLAS proper, behind Debian's thin libblas
  if (!product) product = dlsym(RTLD_DEFAULT, "sgemv_");         // sgemm_ is found in our own library
  if (!product || !dladdr(product, &info)) return "";
  std::error_code error;
  const auto path = std::filesystem::canonical(info.dli_fname, error);
  return error ? info.dli_fname : path.string();
}

/// What OpenBLAS says of itself; "" if the BLAS is another.
std::string openblas(const char* function) {
  using Text = char* (*)();
  const auto text = reinterpret_cast<Text>(dlsym(RTLD_DEFAULT, function));
  return text ? text() : "";
}

std::vector<std::string> highway_targets() {
  std::vector<std::string> names;
  for (std::int64_t targets = hwy::SupportedTargets(); targets != 0; targets &= targets - 1)
    names.emplace_back(hwy::TargetName(targets & -targets));
  return names;
}

}  // namespace

Json environment_report() {
  auto report = machine_report(detect_cpu());
  report["device"] = "cpu";
  report["precision"] = "float32";
  report["determinism"] = "same bits with the same seed, processor and number of threads";
  report["revision"] = code_revision();
  report["libtorch"] = TORCH_VERSION;
  report["aten_capability"] = aten_capability();
  report["aten_threads"] = at::get_num_threads();
  report["blas"] = openblas("openblas_get_config");
  report["blas_file"] = blas_file();
  report["blas_core"] = openblas("openblas_get_corename");
  report["large_products"] = ops::large_products();
  report["highway"] = fmt::format("{}.{}.{}", HWY_MAJOR, HWY_MINOR, HWY_PATCH);
  report["highway_targets"] = highway_targets();
  report["cuda"] = at::hasCUDA();
  return report;
}

}  // namespace longwave
