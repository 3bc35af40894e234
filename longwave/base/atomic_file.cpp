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

/// N of /proc/self/fd/N, which /dev/stdout and /dev/fd/N lead to; -1 of another path.
int descriptor_in(const std::filesystem::path& path) {
  const auto name = path.filename().string();
  const bool number = !name.empty() && name.size() < 6 && name.find_first_not_of("0123456789") == std::string::npos;
  const auto folder = path.parent_path();
  return number && (folder == "/proc/self/fd" || folder == "/dev/fd") ? std::stoi(name) : -1;
}

}  // namespace

Destination destination_of(const std::filesystem::path& path) {
  Destination to{path};
  std::error_code error;
  for (int links = 0; links < 40; ++links) {
    to.descriptor = descriptor_in(to.path);
    if (to.descriptor >= 0 || !std::filesystem::is_symlink(to.path, error)) break;
    to.path =
        folder_of(to.path) / std::filesystem::read_symlink(to.path, error);  // an absolute one replaces the folder
  }
  const auto status = std::filesystem::status(to.path, error);
  const bool file = std::filesystem::is_regular_file(status) || std::filesystem::is_directory(status);
  to.directly = to.descriptor >= 0 || (std::filesystem::exists(status) && !file);
  return to;
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)), to_(destination_of(path_)) {
  if (to_.descriptor >= 0) {
    const int own = ::dup(to_.descriptor);
    file_ = own < 0 ? nullptr : ::fdopen(own, "wb");
  } else {
    if (!to_.directly) {
      temporary_ = to_.path;
      temporary_ += ".tmp" + std::to_string(::getpid());
    }
    file_ = std::fopen((to_.directly ? to_.path : temporary_).c_str(), "wb");
  }
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
    if (std::rename(temporary_.c_str(), to_.path.c_str()) != 0) give_up("cannot be put in place");
    sync_folder(folder_of(to_.path));
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
