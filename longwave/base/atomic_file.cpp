#include "longwave/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "longwave/base/check.h"

namespace longwave {
namespace {

void sync_folder(const std::filesystem::path& folder) {
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (handle < 0) return;  // the rename itself is done; some file systems cannot sync folders
  ::fsync(handle);
  ::close(handle);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  temporary_ = path_;
  temporary_ += ".tmp" + std::to_string(::getpid());
  file_ = std::fopen(temporary_.c_str(), "wb");
  if (!file_) give_up("cannot be written");
}

AtomicFile::~AtomicFile() {
  if (!file_) return;
  std::fclose(file_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::give_up(const char* what) {
  const std::string reason = std::strerror(errno);
  if (file_) {
    std::fclose(file_);
    file_ = nullptr;
    ::unlink(temporary_.c_str());
  }
  fail(path_.string(), ": ", what, ": ", reason);
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  if (std::fwrite(data, 1, bytes, file_) != bytes) give_up("cannot be written");
}

void AtomicFile::commit() {
  if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) give_up("cannot be written");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) give_up("cannot be put in place");
  std::fclose(file_);
  file_ = nullptr;
  sync_folder(folder_of(path_));
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code ignored;
  check(!std::filesystem::is_directory(path, ignored), path.string(), ": is a folder; expected a file");
  std::ifstream in(path, std::ios::binary);
  check(in.good(), path.string(), ": cannot be read: ", std::strerror(errno));
  return {std::istreambuf_iterator<char>(in), {}};
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  check(!error && std::filesystem::is_directory(path), path.string(),
        ": cannot make this folder: ", error ? error.message() : "a file of that name exists");
}

}  // namespace longwave
