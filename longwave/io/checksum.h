#pragma once

#include <filesystem>
#include <string>

namespace longwave {

/// SHA-256 of a file's bytes as they lie on disk, 64 lower-case hexadecimal digits. UserError if it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace longwave
