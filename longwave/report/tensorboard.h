#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace longwave {

/// Writes scalars as a TensorBoard event file `events.out.tfevents.<time>.<host>` in a folder. Every write is flushed,
/// so a killed run loses nothing that was written; a reader skips a half-written last record by its checksum.
class EventWriter {
 public:
  /// `suffix` ends the file name, so that a resumed run adds a file instead of mixing into an old one.
  explicit EventWriter(const std::filesystem::path& folder, const std::string& suffix = {});
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;
  ~EventWriter();

  /// `wall_time`: seconds since 1970; 0 is now.
  void scalar(const std::string& tag, double value, std::int64_t step, double wall_time = 0);

  const std::filesystem::path& path() const { return path_; }

 private:
  void record(std::string_view event);
  std::filesystem::path path_;
  std::FILE* file_ = nullptr;
};

/// CRC-32C (Castagnoli), and the rotated form that TFRecord files store.
std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace longwave
