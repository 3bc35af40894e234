#include "longwave/io/wav.h"

#include <sndfile.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "longwave/base/check.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

/// Bytes in memory as a file of libsndfile.
struct Memory {
  std::string_view bytes;
  sf_count_t at = 0;

  static Memory& of(void* self) { return *static_cast<Memory*>(self); }
  static sf_count_t size(void* self) { return static_cast<sf_count_t>(of(self).bytes.size()); }
  static sf_count_t tell(void* self) { return of(self).at; }
  static sf_count_t seek(sf_count_t offset, int from, void* self) {
    const auto base = from == SEEK_SET ? 0 : from == SEEK_CUR ? of(self).at : size(self);
    return of(self).at = std::clamp<sf_count_t>(base + offset, 0, size(self));
  }
  static sf_count_t read(void* to, sf_count_t count, void* self) {
    auto& memory = of(self);
    count = std::clamp<sf_count_t>(count, 0, size(self) - memory.at);
    std::memcpy(to, memory.bytes.data() + memory.at, static_cast<std::size_t>(count));
    memory.at += count;
    return count;
  }
};

std::size_t little_endian(std::string_view four) {
  std::size_t number = 0;
  for (std::size_t i = 4; i-- > 0;) number = number << 8 | static_cast<unsigned char>(four[i]);
  return number;
}

/// The size that the RIFF header claims for the whole file.
std::size_t claimed_size(std::string_view bytes) { return little_endian(bytes.substr(4, 4)) + 8; }

/// libsndfile looks for the end of a chunk that lies beyond that of the file for minutes.
void check_chunks(std::string_view bytes, const std::string& name) {
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const auto size = little_endian(bytes.substr(at + 4, 4)), left = bytes.size() - at - 8;
    check(size <= left, name, ": damaged WAV file (a part at byte ", at, " has ", size,
          " bytes by its header, of which ", left, " are there)");
    at += 8 + size + size % 2;
  }
}

/// What samples are, as libsndfile names it: "Signed 24 bit PCM", "32 bit float", "U-Law".
std::string encoding_of(int format) {
  SF_FORMAT_INFO info{format & SF_FORMAT_SUBMASK, nullptr, nullptr};
  return sf_command(nullptr, SFC_GET_FORMAT_INFO, &info, sizeof info) == 0 && info.name ? info.name
                                                                                        : "unknown encoding";
}

}  // namespace

std::vector<std::int16_t> parse_wav(const std::string& bytes, const std::string& name, std::int64_t rate) {
  check(bytes.size() >= 12 && bytes.starts_with("RIFF") && bytes.compare(8, 4, "WAVE") == 0, name,
        ": no WAV file (wrong first bytes)");
  check(claimed_size(bytes) <= bytes.size(), name, ": truncated WAV file (", bytes.size(), " bytes; its header says ",
        claimed_size(bytes), "); get it again");
  check_chunks(bytes, name);
  Memory memory{bytes};
  SF_VIRTUAL_IO io{Memory::size, Memory::seek, Memory::read, nullptr, Memory::tell};
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(sf_open_virtual(&io, SFM_READ, &info, &memory), sf_close);
  check(file != nullptr, name, ": damaged WAV file (", sf_strerror(nullptr), ")");
  check(info.channels == 1 && (info.format & SF_FORMAT_SUBMASK) == SF_FORMAT_PCM_16, name, ": ", info.channels,
        info.channels == 1 ? " channel, " : " channels, ", encoding_of(info.format),
        "; expected 1 channel, Signed 16 bit PCM (`sox IN -c 1 -b 16 -e signed OUT` converts)");
  check(info.samplerate == rate, name, ": ", info.samplerate, " samples a second; expected ", rate);
  std::vector<std::int16_t> samples(bytes.size() / sizeof(std::int16_t));
  const auto count = sf_readf_short(file.get(), samples.data(), static_cast<sf_count_t>(samples.size()));
  samples.resize(static_cast<std::size_t>(count));
  check(count > 0 && count == info.frames, name, ": damaged WAV file (", count, " samples; its header says ",
        info.frames, ")");
  return samples;
}

std::vector<std::int16_t> read_wav(const std::filesystem::path& path, std::int64_t rate) {
  return parse_wav(read_bytes(path), path.string(), rate);
}

}  // namespace longwave
