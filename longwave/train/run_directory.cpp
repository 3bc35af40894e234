#include "longwave/train/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/io/toml.h"
#include "longwave/nn/environment.h"

namespace longwave {
namespace {

/// Every number of a log entry as a curve "<split>/<score>" or "<name>".
void add_curves(EventWriter& events, const Json& entry) {
  const auto step = entry.value("step", std::int64_t{0});
  for (const auto& [name, value] : entry.items()) {
    if (value.is_number_float()) events.scalar(name, value.get<double>(), step);
    if (!value.is_object()) continue;
    for (const auto& [score, number] : value.items())
      if (number.is_number()) events.scalar(name + "/" + score, number.get<double>(), step);
  }
}

/// An epoch ends behind its last step, so a checkpoint of that step may be from before its end.
bool is_before(const Json& entry, std::int64_t step, std::int64_t epochs) {
  const auto kind = entry.value("kind", "");
  if (kind == "result") return false;
  return entry.value("step", std::int64_t{0}) <= step &&
         (kind != "epoch" || entry.value("epoch", std::int64_t{0}) <= epochs);
}

/// What a run without a count says: nothing before its end; later its result, which of versions that did not count was
/// scored once where there was a test split.
std::int64_t touches_of(const Json& result) {
  if (result.is_null()) return 0;
  const std::int64_t uncounted = result.value("test", Json()).empty() ? 0 : 1;
  return result.value("test_touches", uncounted);
}

/// The count of a run, locked against other processes while this object lives.
class TouchesFile {
 public:
  explicit TouchesFile(const std::filesystem::path& path) : path_(path) {
    handle_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    check(handle_ >= 0 && ::flock(handle_, LOCK_EX) == 0, path.string(), ": cannot be written: ", std::strerror(errno),
          "; here is counted how often the test split was scored");
  }
  ~TouchesFile() { ::close(handle_); }
  TouchesFile(const TouchesFile&) = delete;

  /// 0 if nothing was counted yet.
  std::int64_t read() const {
    std::int64_t touches = 0;
    std::ifstream(path_) >> touches;
    return touches;
  }
  /// In place, which the lock needs; a number of touches never gets shorter.
  void write(std::int64_t touches) const {
    const auto text = std::to_string(touches) + "\n";
    check(::pwrite(handle_, text.data(), text.size(), 0) == std::ssize(text), path_.string(),
          ": cannot be written: ", std::strerror(errno));
  }

 private:
  std::filesystem::path path_;
  int handle_;
};

/// Writes one number to both places: the result in `path`, if it is not null, and the count.
void write_count(const TouchesFile& file, std::int64_t touches, Json& result, const std::filesystem::path& path) {
  if (!result.is_null()) {
    result["test_touches"] = touches;
    write_file(path, result.dump(2) + "\n");
  }
  file.write(touches);
}

}  // namespace

RunDirectory::RunDirectory(const std::filesystem::path& path, bool resume, bool overwrite) : path_(path) {
  refuse_foreign();
  make_folder(path_);
  lock();
  remove_leftovers();
  try {
    refuse_or_clear(resume, overwrite);
  } catch (...) {
    ::close(handle_);
    throw;
  }
}

RunDirectory::~RunDirectory() { ::close(handle_); }

/// A recipe of the user's would be overwritten. Our own comes after environment.json.
void RunDirectory::refuse_foreign() const {
  check(!std::filesystem::exists(recipe()) || std::filesystem::exists(environment()), path_.string(),
        ": is no run directory but holds a recipe.toml, which a run would replace; choose another folder with --run");
}

/// Temporary files of a process that was killed while it wrote; nobody else writes here while we hold the lock.
void RunDirectory::remove_leftovers() {
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    const auto name = entry.path().filename().string();
    for (const auto& file : {last(), best(), recipe(), result(), environment(), metrics()}) {
      const auto start = file.filename().string() + ".tmp";
      if (name.starts_with(start) && name.size() > start.size() &&
          name.find_first_not_of("0123456789", start.size()) == std::string::npos)
        std::filesystem::remove(entry.path());
    }
  }
}

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
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      if (entry.path().filename().string().starts_with("events.out.tfevents.")) std::filesystem::remove(entry.path());
    for (const auto& file : {last(), best(), recipe(), result(), metrics(), test_touches()})
      std::filesystem::remove(file);
    return;
  }
  check(!finished, name, ": holds a finished run; choose another folder with --run or replace it with --overwrite");
  check(!begun || resume, name, ": holds an unfinished run; continue it with --resume or replace it with --overwrite");
}

void RunDirectory::write_start(const Json& recipe_sections, const std::filesystem::path& data) {
  auto report = environment_report();
  if (!data.empty()) report["data"] = std::filesystem::absolute(data).lexically_normal().string();
  write_file(environment(),
             report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");  // a folder's name may be no text
  write_file(recipe(), to_toml(recipe_sections));
}

void RunDirectory::open_metrics(std::int64_t step, std::int64_t epochs) {
  const auto path = metrics();
  std::string kept;
  std::ifstream old(path);
  for (std::string line; std::getline(old, line);) {
    const auto entry = Json::parse(line, nullptr, false);
    if (entry.is_object() && is_before(entry, step, epochs)) kept += line + "\n";
  }
  write_file(path, kept);
  log_.open(path, std::ios::app);
  events_.emplace(path_, step > 0 ? fmt::format(".from{}", step) : "");
}

void RunDirectory::log(const Json& entry) {
  log_ << entry.dump() << std::endl;
  check(log_.good(), metrics().string(), ": cannot be written: ", std::strerror(errno));
  if (entry.at("kind") != "result") add_curves(*events_, entry);
}

std::int64_t RunDirectory::write_result(Json json, std::int64_t touches) {
  const TouchesFile file(test_touches());
  touches += file.read();
  write_count(file, touches, json, result());
  return touches;
}

std::filesystem::path data_of_run(const std::filesystem::path& run) {
  std::error_code unknown;
  const auto file = (std::filesystem::is_directory(run, unknown) ? run : run.parent_path()) / "environment.json";
  if (!std::filesystem::exists(file, unknown)) return {};
  const auto report = Json::parse(read_file(file), nullptr, false);
  if (!report.is_object() || !report.contains("data") || !report["data"].is_string()) return {};
  const std::filesystem::path folder = report["data"].get<std::string>();
  return std::filesystem::is_directory(folder, unknown) ? folder : std::filesystem::path();
}

std::int64_t add_test_touches(const std::filesystem::path& run, std::int64_t times) {
  if (!std::filesystem::exists(run / "environment.json")) return 0;
  const TouchesFile file(run / "test_touches");
  const auto path = run / "result.json";
  Json result;
  if (std::filesystem::exists(path)) {
    result = Json::parse(read_file(path), nullptr, false);
    check(result.is_object(), path.string(), ": is damaged; expected the JSON object that `longwave train` wrote");
  }
  // Of a process that was killed in between only one of the two has the last count.
  const auto touches = times + std::max(file.read(), touches_of(result));
  write_count(file, touches, result, path);
  return touches;
}

std::string test_touches_text(std::int64_t touches) {
  if (touches == 1) return "the test split of this run was scored once";
  return fmt::format(
      "the test split of this run was scored {} times; what is chosen by its score flatters: choose by "
      "the validation split",
      touches);
}

}  // namespace longwave
