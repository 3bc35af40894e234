#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace longwave {

/// `value` in `width` bytes, the lowest first.
inline std::string little_endian(std::uint64_t value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}

/// A WAV file of 16-bit samples.
inline std::string wav_of(const std::vector<std::int16_t>& samples, int rate, int channels = 1) {
  std::string data;
  for (const auto sample : samples) data += little_endian(static_cast<std::uint16_t>(sample), 2);
  return "RIFF" + little_endian(36 + data.size(), 4) + "WAVEfmt " + little_endian(16, 4) + little_endian(1, 2) +
         little_endian(channels, 2) + little_endian(rate, 4) + little_endian(2 * rate * channels, 4) +
         little_endian(2 * channels, 2) + little_endian(16, 2) + "data" + little_endian(data.size(), 4) + data;
}

}  // namespace longwave
