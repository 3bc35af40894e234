#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"

namespace longwave {

/// A folder of a test's own that vanishes with it.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name = "test") {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("longwave_" + name + std::to_string(::getpid()) + "_" + std::to_string(count++));
    make_folder(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file, with the folders above it.
  std::filesystem::path put(const std::string& file, const std::string& bytes) const {
    make_folder((path_ / file).parent_path());
    write_file(path_ / file, bytes);
    return path_ / file;
  }

 private:
  std::filesystem::path path_;
};

/// What the UserError that `act` throws says; "" if it throws none.
template <class Act>
std::string message_of(const Act& act) {
  try {
    act();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace longwave
