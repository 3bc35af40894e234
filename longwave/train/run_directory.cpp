#include "longwave/train/run_directory.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fcntl.h>
#include <sys/file.h>
#include <torch/version.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/io/toml.h"

namespace longwave {
namespace {

Json environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? Json(value) : Json();
}

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

Json environment_report() {
  return {{"libtorch", TORCH_VERSION},
          {"processor", processor()},
          {"threads", at::get_num_threads()},
          {"OPENBLAS_CORETYPE", environment_variable("OPENBLAS_CORETYPE")},
          {"ATEN_CPU_CAPABILITY", environment_variable("ATEN_CPU_CAPABILITY")},
          {"OMP_NUM_THREADS", environment_variable("OMP_NUM_THREADS")}};
}

RunDirectory::RunDirectory(const std::filesystem::path& path, bool resume, bool overwrite) : path_(path) {
  make_folder(path_);
  lock();
  try {
    refuse_or_clear(resume, overwrite);
  } catch (...) {
    ::close(handle_);
    throw;
  }
}

RunDirectory::~RunDirectory() { ::close(handle_); }

void RunDirectory::lock() {
  const auto file = path_ / "lock";
  handle_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  check(handle_ >= 0, file.string(), ": cannot be made: ", std::strerror(errno));
  if (::flock(handle_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(handle_);
  fail(path_.string(), ": another process is working on this run; wait for it or choose another folder with --run");
}

void RunDirectory::refuse_or_clear(bool resume, bool overwrite) {
  const auto name = path_.string();
  const bool finished = std::filesystem::exists(result()), begun = std::filesystem::exists(last());
  if (overwrite) {
    for (const auto& file : {last(), best(), recipe(), result(), path_ / "metrics.jsonl"})
      std::filesystem::remove(file);
    return;
  }
  check(!finished, name, ": holds a finished run; choose another folder with --run or replace it with --overwrite");
  check(!begun || resume, name, ": holds an unfinished run; continue it with --resume or replace it with --overwrite");
}

void RunDirectory::write_start(const Json& recipe_sections) {
  write_file(recipe(), to_toml(recipe_sections));
  write_file(path_ / "environment.json", environment_report().dump(2) + "\n");
}

void RunDirectory::open_metrics(std::int64_t step) {
  const auto path = path_ / "metrics.jsonl";
  std::string kept;
  std::ifstream old(path);
  for (std::string line; std::getline(old, line);) {
    const auto entry = Json::parse(line, nullptr, false);
    if (entry.is_object() && entry.value("step", std::int64_t{0}) <= step) kept += line + "\n";
  }
  write_file(path, kept);
  metrics_.open(path, std::ios::app);
}

void RunDirectory::log(const Json& entry) {
  metrics_ << entry.dump() << std::endl;
  check(metrics_.good(), (path_ / "metrics.jsonl").string(), ": cannot be written: ", std::strerror(errno));
}

void RunDirectory::write_result(const Json& json) { write_file(result(), json.dump(2) + "\n"); }

}  // namespace longwave
