#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace longwave {

/// SHA-256 of bytes that come piece by piece.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  /// 64 lower-case hexadecimal digits; the last call.
  std::string hex();

 private:
  std::unique_ptr<void, void (*)(void*)> context_;
};

/// SHA-256 of bytes in memory, 64 lower-case hexadecimal digits.
std::string sha256_of(std::string_view bytes);

/// SHA-1 of bytes in memory, 40 digits: only where a data set defines itself by it.
std::string sha1_of(std::string_view bytes);

/// SHA-256 of a file's bytes as they lie on disk, 64 lower-case hexadecimal digits. UserError if it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace longwave
