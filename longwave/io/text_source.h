#pragma once

#include <filesystem>
#include <string>

namespace longwave {

/// The whole text of a file; .gz and .xz content is unpacked, recognised by its first bytes whatever the name says.
/// UserError if the file cannot be read, or is damaged or cut short.
std::string read_text(const std::filesystem::path& path);

/// The same for bytes already in memory; `name` stands for the path in messages.
std::string unpack_text(std::string bytes, const std::string& name);

/// The bytes of a file as they lie on disk. UserError if it cannot be read.
std::string read_bytes(const std::filesystem::path& path);

}  // namespace longwave
