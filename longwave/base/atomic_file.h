#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace longwave {

/// Where writing to a path ends up.
struct Destination {
  std::filesystem::path path;  // behind all links
  bool directly = false;       // it is no file but a device, a pipe, or an open descriptor such as /dev/stdout
  int descriptor = -1;         // that one
};
Destination destination_of(const std::filesystem::path& path);

/// A file that appears whole or not at all: written under a temporary name in the same folder, synced, renamed by
/// commit(). Without commit() the temporary file is removed and an older file of that name stays as it was. A link
/// stays one: the file it leads to is replaced. What is no file (/dev/stdout, a pipe) is written to as it is. Every
/// failure (unwritable folder, full disk) is a UserError that names the path and the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  [[noreturn]] void give_up(const char* what);

  std::filesystem::path path_;  // as given
  Destination to_;
  std::filesystem::path temporary_;  // empty where the destination itself is written to
  std::FILE* file_ = nullptr;
};

/// The whole of `text` into `path`, atomically.
void write_file(const std::filesystem::path& path, std::string_view text);

/// The whole file. UserError if it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Creates a folder and its parents. UserError if that cannot be done.
void make_folder(const std::filesystem::path& path);

}  // namespace longwave
