#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

/// Reads a WAV file of 16-bit mono samples taken `rate` times a second. UserError if it is damaged, cut short, of
/// another form, or of another rate.
std::vector<std::int16_t> read_wav(const std::filesystem::path& path, std::int64_t rate);

/// The same from bytes in memory; `name` stands for the path in messages.
std::vector<std::int16_t> parse_wav(const std::string& bytes, const std::string& name, std::int64_t rate);

}  // namespace longwave
