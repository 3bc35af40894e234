// The program: sets the process policy, then loads the library, which holds all commands. It does not link libtorch
// itself, because libtorch and its BLAS read their settings from the environment while they are being loaded.

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "longwave/base/policy.h"

namespace {

constexpr const char* kLibrary = "liblongwave.so";

/// Beside the program (build tree), or in ../lib (installed).
std::filesystem::path find_library() {
  std::error_code error;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const auto beside = folder / kLibrary;
  return std::filesystem::exists(beside, error) ? beside : folder.parent_path() / "lib" / kLibrary;
}

}  // namespace

int main(int argc, char** argv) {
  longwave::apply_process_policy(longwave::detect_cpu());
  void* library = dlopen(find_library().c_str(), RTLD_LAZY | RTLD_GLOBAL);
  if (!library) {
    fmt::print(stderr, "error: {}; build it with './run build'\n", dlerror());
    return 1;
  }
  const auto longwave_main = reinterpret_cast<int (*)(int, char**)>(dlsym(library, "longwave_main"));
  if (!longwave_main) {
    fmt::print(stderr, "error: {}; program and library are of different versions\n", dlerror());
    return 1;
  }
  return longwave_main(argc, argv);
}
