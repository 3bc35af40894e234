#include "longwave/io/text_source.h"

#include <lzma.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

#include "longwave/base/check.h"

namespace longwave {
namespace {

constexpr std::size_t kStep = 1 << 20;
constexpr std::uint64_t kXzMemory = std::uint64_t{1} << 30;  // of the decoder; xz -9 needs 65 MiB

[[noreturn]] void damaged(const std::string& name, const char* kind, const std::string& reason) {
  fail(name, ": damaged or truncated ", kind, " file (", reason, "); get it again or unpack it by hand to see more");
}

struct Inflater {
  z_stream stream{};
  Inflater() { inflateInit2(&stream, 16 + MAX_WBITS); }
  ~Inflater() { inflateEnd(&stream); }
};

std::string unpack_gz(const std::string& bytes, const std::string& name) {
  Inflater inflater;
  auto& stream = inflater.stream;
  std::string text;
  const char* input = bytes.data();
  std::size_t left = bytes.size();
  for (;;) {
    const auto given = static_cast<uInt>(std::min<std::size_t>(left, std::numeric_limits<uInt>::max()));
    const auto old = text.size();
    const auto room = std::max(kStep, old / 2);
    text.resize(old + std::min<std::size_t>(room, std::numeric_limits<uInt>::max()));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input));
    stream.avail_in = given;
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + old);
    stream.avail_out = static_cast<uInt>(text.size() - old);
    const int state = inflate(&stream, Z_NO_FLUSH);
    input += given - stream.avail_in;
    left -= given - stream.avail_in;
    text.resize(text.size() - stream.avail_out);
    if (state == Z_STREAM_END) {
      if (left == 0) return text;
      if (left < 2 || input[0] != '\x1f' || input[1] != '\x8b') damaged(name, ".gz", "bytes after the end");
      inflateReset(&stream);  // the next member of a concatenated file
    } else if (state != Z_OK) {
      damaged(name, ".gz", state == Z_BUF_ERROR ? "it ends too early" : stream.msg ? stream.msg : "bad data");
    }
  }
}

std::string unpack_xz(const std::string& bytes, const std::string& name) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard(&stream, lzma_end);
  check(lzma_stream_decoder(&stream, kXzMemory, LZMA_CONCATENATED) == LZMA_OK, name, ": no memory to unpack it");
  std::string text;
  stream.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  stream.avail_in = bytes.size();
  for (;;) {
    const auto old = text.size();
    text.resize(old + std::max(kStep, old / 2));
    stream.next_out = reinterpret_cast<std::uint8_t*>(text.data() + old);
    stream.avail_out = text.size() - old;
    const auto state = lzma_code(&stream, LZMA_FINISH);
    text.resize(text.size() - stream.avail_out);
    if (state == LZMA_STREAM_END) return text;
    if (state == LZMA_OK) continue;
    damaged(name, ".xz",
            state == LZMA_BUF_ERROR        ? "it ends too early"
            : state == LZMA_MEMLIMIT_ERROR ? "it asks for more than 1 GiB to unpack"
                                           : "bad data");
  }
}

}  // namespace

std::string read_bytes(const std::filesystem::path& path) {
  std::error_code error;
  check(!std::filesystem::is_directory(path, error), path.string(), ": is a folder; expected a file");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  check(file != nullptr, path.string(), ": cannot be read: ", std::strerror(errno));
  const auto size = std::filesystem::file_size(path, error);
  std::string bytes;
  std::size_t used = 0;
  if (!error) bytes.resize(size);
  for (;;) {  // pipes have no size, and a file may grow
    if (used == bytes.size()) bytes.resize(used + (used == 0 || error ? kStep : 1));
    const auto count = std::fread(bytes.data() + used, 1, bytes.size() - used, file.get());
    used += count;
    if (count == 0) break;
  }
  check(!std::ferror(file.get()), path.string(), ": cannot be read: ", std::strerror(errno));
  bytes.resize(used);
  return bytes;
}

std::string unpack_text(std::string bytes, const std::string& name) {
  if (bytes.starts_with("\x1f\x8b")) return unpack_gz(bytes, name);
  if (bytes.starts_with(std::string_view("\xfd"
                                         "7zXZ\0",
                                         6)))
    return unpack_xz(bytes, name);
  return bytes;
}

std::string read_text(const std::filesystem::path& path) {
  auto text = unpack_text(read_bytes(path), path.string());
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  return text;
}

}  // namespace longwave
