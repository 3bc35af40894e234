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

/// Devices, pipes and sockets, also behind links.
bool is_no_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
         !std::filesystem::is_directory(status);
}

/// Where links lead, whether there is a file or not.
std::filesystem::path behind_links(std::filesystem::path path) {
  std::error_code error;
  for (int links = 0; links < 40 && std::filesystem::is_symlink(path, error); ++links)
    path = folder_of(path) / std::filesystem::read_symlink(path, error);  // an absolute one replaces the folder
  return path;
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  if (!is_no_file(path_)) {
    path_ = behind_links(path_);
    temporary_ = path_;
    temporary_ += ".tmp" + std::to_string(::getpid());
  }
  file_ = std::fopen((temporary_.empty() ? path_ : temporary_).c_str(), "wb");
  if (!file_) give_up("cannot be written");
}

AtomicFile::~AtomicFile() {
  if (!file_) return;
  std::fclose(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::give_up(const char* what) {
  const std::string reason = std::strerror(errno);
  if (file_) {
    std::fclose(file_);
    file_ = nullptr;
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  fail(path_.string(), ": ", what, ": ", reason);
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  if (std::fwrite(data, 1, bytes, file_) != bytes) give_up("cannot be written");
}

void AtomicFile::commit() {
  if (std::fflush(file_) != 0) give_up("cannot be written");
  if (!temporary_.empty()) {
    if (::fsync(::fileno(file_)) != 0) give_up("cannot be written");
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) give_up("cannot be put in place");
    sync_folder(folder_of(path_));
  }
  std::fclose(file_);
  file_ = nullptr;
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
